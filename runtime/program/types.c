#include "runtime/program/types.h"

#include "ops/core/op_types.h"

void types_start(const struct graph *graph, enum dtype *types) {
    for (int i = 0; i < graph->value_count; i++) {
        const struct value *value = &graph->values[i];
        types[i] = value->initializer                      ? value->initializer->dtype
                   : value->is_input || value->is_captured ? value->type.dtype
                                                           : DTYPE_UNDEFINED;
    }
}

status types_step(const struct op_call *call, enum dtype *types, struct error *err) {
    const struct node *node = call->node;
    struct op_types known = {.widens = true};
    status code = STATUS_OK;
    for (int i = 0; i < node_arguments(node); i++) {
        const enum dtype dtype = node->inputs[i] == NO_VALUE ? DTYPE_UNDEFINED : types[node->inputs[i]];
        if (code == STATUS_OK && dtype != DTYPE_UNDEFINED && op_argument(call->op->inputs, i))
            code = op_types_add(&known, call->op, i, dtype, err);
    }
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            types[node->outputs[i]] = op_types_output(&known, call, i);
    return code;
}
