#include "runtime/passes/pass.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool pass_is(const struct node *node, const char *op_type) {
    return node->domain[0] == 0 && strcmp(node->op_type, op_type) == 0;
}

bool pass_is_convolution(const struct node *node) {
    return (node->domain[0] == 0 || strcmp(node->domain, INTERNAL_DOMAIN) == 0) &&
           (strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "ConvTranspose") == 0);
}

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

const struct tensor *pass_constant(const struct pass_context *context, const struct node *node, int i,
                                   enum dtype dtype) {
    const struct tensor *tensor = pass_weight(context, node, i, dtype);
    if (!tensor || tensor_aligned(tensor))
        return tensor;
    struct tensor *copy = pass_scratch(context, 1, sizeof *copy);
    void *data = pass_scratch(context, tensor->bytes, 1);
    if (!copy || !data)
        return NULL;
    *copy = *tensor;
    copy->mapped = false;
    copy->data = memcpy(data, tensor->data, tensor->bytes);
    return copy;
}

static bool makes_only(const struct node *node, int value) {
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return false;
    return node->output_count > 0 && node->outputs[0] == value;
}

struct node *pass_only_producer(const struct pass_context *context, int value) {
    if (value == NO_VALUE || value >= context->value_count || context->readers[value] != 1)
        return NULL;
    const int producer = context->graph->values[value].producer;
    struct node *node = producer < 0 ? NULL : &context->graph->nodes[producer];
    return node && makes_only(node, value) ? node : NULL;
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

bool pass_set_attribute(struct pass_context *context, struct node *node, const struct attribute *attribute) {
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
