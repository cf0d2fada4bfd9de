/* What the gradient of a node's outputs is as one of its inputs, for Gradient. */
#ifndef LIMNER_OPS_GRADIENT_DERIVATIVES_H
#define LIMNER_OPS_GRADIENT_DERIVATIVES_H

#include "ops/core/op_write.h"

/*
 * Writes the gradient of input i of the writer's node as the name di, for those inputs that have one, from `y`, its
 * output 0, and `g`, the gradient of that. *broadcasts: it may still have dimensions that the input is repeated along.
 * STATUS_UNSUPPORTED for an operator whose derivative is not known.
 */
status derivative_write(struct op_writer *w, bool *broadcasts, struct error *err);

#endif
