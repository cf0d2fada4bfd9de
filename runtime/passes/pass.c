#include "runtime/passes/pass.h"

#include "base/memory.h"
#include "ops/core/op_ask.h"
#include "ops/registry.h"

#include <stdlib.h>
#include <string.h>

int pass_input(const struct node *node, int i) {
    return i < node->input_count ? node->inputs[i] : NO_VALUE;
}

const struct tensor *pass_weight(const struct pass_context *context, const struct node *node, int i, enum dtype dtype) {
    const struct tensor *tensor = program_constant(context->program, pass_input(node, i));
    return tensor && tensor->dtype == dtype && tensor->data ? tensor : NULL;
}

void *pass_scratch(const struct pass_context *context, size_t count, size_t bytes) {
    void *memory = pool_array(context->scratch, count, bytes);
    *context->starved |= !memory;
    return memory;
}

/* ---- a node as its operator sees it ---- */

static const struct tensor *constant_of(const void *context, int value) {
    return program_constant(((const struct pass_context *)context)->program, value);
}

static enum dtype type_of(const void *context, int value) {
    const struct pass_context *pass = context;
    return pass->types && value < pass->value_count ? pass->types[value] : DTYPE_UNDEFINED;
}

static bool is_read(const void *context, int value) {
    const struct pass_context *pass = context;
    return value >= pass->value_count || pass->readers[value] > 0;
}

static const struct op *find_op(const struct pass_context *context, const struct node *node) {
    return op_find(node->domain, node->op_type, program_opset(context->program->source, node));
}

const struct op_call *pass_call(const struct pass_context *context, const struct node *node) {
    const struct op_asker asker = {context->scratch, context, constant_of, type_of, is_read};
    const struct op *op = find_op(context, node);
    struct op_call *call;
    struct error ignored;
    if (!op)
        return NULL;
    const status code = op_ask(&asker, op, node, program_opset(context->program->source, node), &call, &ignored);
    *context->starved |= code == STATUS_NO_MEMORY;
    return code == STATUS_OK ? call : NULL;
}

const struct op_facts *pass_facts(const struct pass_context *context, const struct node *node) {
    return op_facts(find_op(context, node));
}

/* ---- the graph ---- */

bool pass_has_one_output(const struct node *node) {
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return false;
    return node->output_count > 0 && node->outputs[0] != NO_VALUE;
}

struct node *pass_only_producer(const struct pass_context *context, int value) {
    if (value == NO_VALUE || value >= context->value_count || context->readers[value] != 1)
        return NULL;
    const int producer = context->graph->values[value].producer;
    struct node *node = producer < 0 ? NULL : &context->graph->nodes[producer];
    return node && pass_has_one_output(node) && node->outputs[0] == value ? node : NULL;
}

void pass_absorb(struct pass_context *context, struct node *producer, struct node *reader) {
    producer->outputs[0] = reader->outputs[0];
    context->graph->values[producer->outputs[0]].producer = (int)(producer - context->graph->nodes);
    reader->input_count = 0;
    reader->output_count = 0;
}

status pass_new_constant(struct pass_context *context, const char *name, const struct shape *shape, enum dtype dtype,
                         struct tensor *tensor, int *value, struct error *err) {
    struct program *program = context->program;
    if (tensor_describe(tensor, dtype, shape, err) != STATUS_OK)
        return err->code;
    tensor->data = memory_alloc(tensor->bytes);
    struct program_block *block = tensor->data ? program_block_create(program, tensor->data) : NULL;
    if (!block)
        return fail_memory(err, "a folded constant");
    *value = graph_add_value(program->graph, program->pool, name);
    if (*value < 0) {
        free(block->data);
        return fail_memory(err, "a folded constant");
    }
    return program_set_constant(program, *value, tensor, block, err);
}

bool pass_set_attribute(const struct pass_context *context, struct node *node, const struct attribute *attribute) {
    struct pool *pool = context->program->pool;
    struct attribute *list = pool_array(pool, (size_t)node->attribute_count + 1, sizeof *list);
    if (!list)
        return false;
    int count = 0;
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, attribute->name) != 0)
            list[count++] = node->attributes[i];
    list[count++] = *attribute;
    node->attributes = list;
    node->attribute_count = count;
    return true;
}

bool pass_set_int(const struct pass_context *context, struct node *node, const char *name, int64_t i) {
    const struct attribute attribute = {.name = name, .type = ATTRIBUTE_INT, .count = 1, .i = i};
    return pass_set_attribute(context, node, &attribute);
}

/* ---- a new list of nodes ---- */

struct node *pass_append(const struct pass_context *context, struct pass_nodes *list, const struct node *node) {
    if (list->count == list->capacity) {
        const int capacity = list->capacity * 2 + 16;
        struct node *grown = pool_array(context->program->pool, (size_t)capacity, sizeof *grown);
        if (!grown)
            return NULL;
        if (list->count)
            memcpy(grown, list->nodes, (size_t)list->count * sizeof *grown);
        list->nodes = grown;
        list->capacity = capacity;
    }
    list->nodes[list->count] = *node;
    return &list->nodes[list->count++];
}

struct node *pass_append_copy(const struct pass_context *context, struct pass_nodes *list, const struct node *node,
                              int inputs) {
    struct pool *pool = context->program->pool;
    struct node copy = *node;
    const int count = inputs > node->input_count ? inputs : node->input_count;
    copy.inputs = pool_array(pool, (size_t)count + 1, sizeof *copy.inputs);
    copy.outputs = pool_array(pool, (size_t)node->output_count + 1, sizeof *copy.outputs);
    if (!copy.inputs || !copy.outputs)
        return NULL;
    for (int i = 0; i < count; i++)
        copy.inputs[i] = pass_input(node, i);
    copy.input_count = count;
    if (node->output_count > 0)
        memcpy(copy.outputs, node->outputs, (size_t)node->output_count * sizeof *copy.outputs);
    return pass_append(context, list, &copy);
}

struct node *pass_append_between(const struct pass_context *context, struct pass_nodes *list, const char *op_type,
                                 const char *name, int from, int to) {
    int *ends = pool_array(context->program->pool, 2, sizeof *ends);
    if (!ends || from == NO_VALUE || to == NO_VALUE)
        return NULL;
    ends[0] = from;
    ends[1] = to;
    const struct node node = {.name = name,
                              .op_type = op_type,
                              .domain = INTERNAL_DOMAIN,
                              .overload = "",
                              .inputs = &ends[0],
                              .input_count = 1,
                              .outputs = &ends[1],
                              .output_count = 1};
    return pass_append(context, list, &node);
}

void pass_replace_nodes(const struct pass_context *context, const struct pass_nodes *list) {
    context->graph->nodes = list->nodes;
    context->graph->node_count = list->count;
    context->graph->node_capacity = list->capacity;
}
