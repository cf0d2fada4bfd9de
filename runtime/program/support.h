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

/* op_parse for a node alone: its inputs count as present or left out, nothing more is known of them. */
status support_parse(const struct node *node, const struct op *op, int opset, void *params, struct error *err);

#endif
