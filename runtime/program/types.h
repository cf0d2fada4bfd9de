/* Element types as far as they can be told without shapes. */
#ifndef LIMNER_RUNTIME_PROGRAM_TYPES_H
#define LIMNER_RUNTIME_PROGRAM_TYPES_H

#include "ops/core/op.h"

/* Types of inputs (as declared: runs are held to it) and initializers; DTYPE_UNDEFINED for the rest of
 * types[value_count]. */
void types_start(const struct graph *graph, enum dtype *types);
/* Adds the outputs of the node; op may be NULL. Nodes are taken in order. */
void types_step(const struct node *node, const struct op *op, enum dtype *types);

#endif
