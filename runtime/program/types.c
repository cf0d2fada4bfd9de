#include "runtime/program/types.h"

#include "runtime/program/program.h"

#include <string.h>

void types_start(const struct graph *graph, enum dtype *types) {
    for (int i = 0; i < graph->value_count; i++) {
        const struct value *value = &graph->values[i];
        types[i] = value->initializer ? value->initializer->dtype
                   : value->is_input  ? value->type.dtype
                                      : DTYPE_UNDEFINED;
    }
}

/* The one type of a set, or DTYPE_UNDEFINED. */
static enum dtype only_type(uint32_t set) {
    if (set == 0 || (set & (set - 1)) != 0)
        return DTYPE_UNDEFINED;
    return (enum dtype)__builtin_ctz(set);
}

static enum dtype output_type(const struct node *node, const struct op_arg *formal, enum dtype first) {
    const struct attribute *to = node_attribute(node, "to");
    if (strcmp(node->op_type, "Cast") == 0 && to && to->type == ATTRIBUTE_INT && to->i > 0 && to->i < DTYPE_COUNT)
        return (enum dtype)to->i;
    if (formal->flags & ARG_SAME)
        return first;
    return only_type(formal->types);
}

void types_step(const struct node *node, const struct op *op, enum dtype *types) {
    if (!op)
        return;
    const enum dtype first =
        node->input_count > 0 && node->inputs[0] != NO_VALUE ? types[node->inputs[0]] : DTYPE_UNDEFINED;
    for (int i = 0; i < node->output_count; i++) {
        const struct op_arg *formal = program_argument(op->outputs, i);
        if (node->outputs[i] != NO_VALUE && formal)
            types[node->outputs[i]] = output_type(node, formal, first);
    }
}
