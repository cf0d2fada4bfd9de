#include "runtime/passes/pass_noop.h"

#include "ops/registry.h"
#include "runtime/passes/pass.h"
#include "runtime/program/types.h"

#include <string.h>

/* Constant integers of input i; false unless they are there, at most `capacity`. */
static bool constant_ints(const struct pass_context *context, const struct node *node, int i, const int64_t **values,
                          int64_t *count) {
    const struct tensor *tensor = pass_constant(context, node, i, DTYPE_INT64);
    if (!tensor || tensor->shape.rank != 1)
        return false;
    *values = tensor->data;
    *count = tensor->shape.dims[0];
    return true;
}

static bool all_zero(const int64_t *values, int64_t count) {
    for (int64_t i = 0; i < count; i++)
        if (values[i] != 0)
            return false;
    return true;
}

static bool dropout_is_noop(const struct pass_context *context, const struct node *node) {
    const int training = pass_input(node, 2);
    if (node->output_count > 1 && node->outputs[1] != NO_VALUE && context->readers[node->outputs[1]] > 0)
        return false;
    if (training == NO_VALUE)
        return true;
    const struct tensor *mode = pass_constant(context, node, 2, DTYPE_BOOL);
    return mode && tensor_elements(mode) == 1 && *(const uint8_t *)mode->data == 0;
}

static bool pad_is_noop(const struct pass_context *context, const struct node *node) {
    const struct attribute *pads = node_attribute(node, "pads");
    if (pads)
        return pads->type == ATTRIBUTE_INTS && pads->count > 0 && all_zero(pads->ints, (int64_t)pads->count);
    const int64_t *values;
    int64_t count;
    return constant_ints(context, node, 1, &values, &count) && all_zero(values, count);
}

static bool transpose_is_noop(const struct node *node) {
    const struct attribute *perm = node_attribute(node, "perm");
    if (!perm || perm->type != ATTRIBUTE_INTS || perm->count == 0)
        return false;
    for (size_t i = 0; i < perm->count; i++)
        if (perm->ints[i] != (int64_t)i)
            return false;
    return true;
}

static bool cast_is_noop(const struct node *node, const enum dtype *types) {
    const int input = pass_input(node, 0);
    return input != NO_VALUE && types[input] != DTYPE_UNDEFINED && node_int(node, "to", 0) == (int64_t)types[input];
}

static bool is_noop(const struct pass_context *context, const struct node *node, const enum dtype *types) {
    if (node->domain[0] != 0 || pass_input(node, 0) == NO_VALUE || node->output_count < 1 ||
        node->outputs[0] == NO_VALUE)
        return false;
    if (strcmp(node->op_type, "Identity") == 0)
        return true;
    if (strcmp(node->op_type, "Dropout") == 0)
        return dropout_is_noop(context, node);
    if (strcmp(node->op_type, "Cast") == 0)
        return cast_is_noop(node, types);
    if (strcmp(node->op_type, "Pad") == 0)
        return pad_is_noop(context, node);
    if (strcmp(node->op_type, "Transpose") == 0)
        return transpose_is_noop(node);
    return strcmp(node->op_type, "Concat") == 0 && node->input_count == 1;
}

static void forward(int *values, int count, const int *instead) {
    for (int i = 0; i < count; i++)
        if (values[i] != NO_VALUE)
            values[i] = instead[values[i]];
}

/* One sweep in order: when a node is looked at, its inputs have been moved already. */
status pass_noop(struct pass_context *context, struct error *err) {
    struct graph *graph = context->graph;
    int *instead = pool_array(context->scratch, (size_t)context->value_count + 1, sizeof *instead);
    enum dtype *types = pool_array(context->scratch, (size_t)context->value_count + 1, sizeof *types);
    if (!instead || !types)
        return fail_memory(err, "a pass");
    for (int i = 0; i < context->value_count; i++)
        instead[i] = i;
    types_start(graph, types);
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        forward(node->inputs, node->input_count, instead);
        types_step(node, op_find(node->domain, node->op_type, program_opset(context->program->source, node)), types);
        if (is_noop(context, node, types))
            instead[node->outputs[0]] = node->inputs[0];
    }
    forward(graph->outputs, graph->output_count, instead);
    return STATUS_OK;
}
