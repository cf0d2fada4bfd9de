/* Can all of a graph run? Everything that stands in the way is said at once. */
#ifndef LIMNER_RUNTIME_PROGRAM_SUPPORT_H
#define LIMNER_RUNTIME_PROGRAM_SUPPORT_H

#include "onnx/model.h"
#include "ops/core/op.h"

/*
 * Looks at every node of a sorted graph of the model as its file says it: operator known, at this opset, attributes
 * readable, element types that can be told without shapes supported. One message names all that is not.
 */
status support_check(const struct onnx_model *model, const struct graph *graph, struct error *err);

/* STATUS_INVALID_MODEL when both are known and the declared type of the graph's output is another one. */
status support_output_type(const struct value *output, enum dtype made, struct error *err);

#endif
