#include "runtime/passes/pass.h"

#include "base/fpu.h"
#include "base/memory.h"
#include "runtime/program/prune.h"

#include <stdlib.h>
#include <string.h>

static const struct pass table[] = {
    {"fold constants", PASS_FOLD, pass_fold},
    {"drop no-ops", PASS_NOOP, pass_noop},
    {"fold BatchNormalization", PASS_BATCHNORM, pass_batchnorm},
    {"merge Pad into Conv", PASS_PAD, pass_pad},
    {"fuse activations", PASS_ACTIVATION, pass_activation},
    {"lay out in channel blocks", PASS_LAYOUT, pass_layout},
};
#define PASS_COUNT (sizeof table / sizeof table[0])

const struct pass *pass_at(size_t i) {
    return i < PASS_COUNT ? &table[i] : NULL;
}

/* Constants that nobody reads any more: what passes made is freed, mapped pages are let go. */
static void drop_constants(struct program *program, const int *readers) {
    for (int i = 0; i < program->graph->value_count; i++)
        if (readers[i] == 0 && program->graph->values[i].initializer)
            program_drop_constant(program, i);
}

/* Drops dead nodes and constants. */
static status clean(struct program *program, struct error *err) {
    int *readers = calloc((size_t)program->graph->value_count + 1, sizeof *readers);
    const bool ok = readers && prune_graph(program->graph, readers);
    if (ok)
        drop_constants(program, readers);
    free(readers);
    return ok ? STATUS_OK : fail_memory(err, "a pass");
}

static status run_pass(const struct pass *pass, struct pass_context *context, struct error *err) {
    context->value_count = context->graph->value_count;
    context->scratch = pool_create();
    context->readers = calloc((size_t)context->value_count + 1, sizeof *context->readers);
    status code = STATUS_OK;
    if (!context->scratch || !context->readers || !prune_graph(context->graph, context->readers))
        code = fail_memory(err, "a pass");
    if (code == STATUS_OK)
        code = pass->run(context, err);
    pool_destroy(context->scratch);
    free(context->readers);
    return code == STATUS_OK ? clean(context->program, err) : code;
}

/* Waking a team costs more than folding what a small file holds. */
static int team_for(const struct onnx_model *source) {
    return source->file_bytes > ((size_t)8 << 20) ? memory_processors() : 1;
}

status passes_run(struct program *program, const struct program_options *options, struct error *err) {
    struct pass_context context = {.program = program,
                                   .graph = program->graph,
                                   .tensor_bytes = options->tensor_bytes ? options->tensor_bytes : SIZE_MAX,
                                   .kernels = kernels_exact(cpu_best()),
                                   .threads = team_for(program->source)};
    unsigned *modes = calloc((size_t)context.threads, sizeof *modes);
    if (!modes)
        return fail_memory(err, "the passes");
    fpu_enter(modes, context.threads);
    status code = STATUS_OK;
    for (size_t i = 0; code == STATUS_OK && i < PASS_COUNT; i++)
        if (!(options->passes_off & table[i].bit))
            code = run_pass(&table[i], &context, err);
    fpu_leave(modes, context.threads);
    free(modes);
    return code;
}

bool pass_is_convolution(const struct node *node) {
    return (node->domain[0] == 0 || strcmp(node->domain, INTERNAL_DOMAIN) == 0) &&
           (strcmp(node->op_type, "Conv") == 0 || strcmp(node->op_type, "ConvTranspose") == 0);
}

bool pass_is(const struct node *node, const char *op_type) {
    return node->domain[0] == 0 && strcmp(node->op_type, op_type) == 0;
}

int pass_input(const struct node *node, int i) {
    return i < node->input_count ? node->inputs[i] : NO_VALUE;
}

const struct tensor *pass_weight(const struct pass_context *context, const struct node *node, int i, enum dtype dtype) {
    const struct tensor *tensor = program_constant(context->program, pass_input(node, i));
    return tensor && tensor->dtype == dtype && tensor->data ? tensor : NULL;
}

const struct tensor *pass_constant(const struct pass_context *context, const struct node *node, int i,
                                   enum dtype dtype) {
    const struct tensor *tensor = pass_weight(context, node, i, dtype);
    if (!tensor || tensor_aligned(tensor))
        return tensor;
    struct tensor *copy = pool_alloc(context->scratch, sizeof *copy);
    void *data = pool_alloc(context->scratch, tensor->bytes);
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

int64_t pass_int(const struct node *node, const char *name, int64_t fallback) {
    const struct attribute *attribute = node_attribute(node, name);
    return attribute && attribute->type == ATTRIBUTE_INT ? attribute->i : fallback;
}

float pass_float(const struct node *node, const char *name, float fallback) {
    const struct attribute *attribute = node_attribute(node, name);
    return attribute && attribute->type == ATTRIBUTE_FLOAT ? attribute->f : fallback;
}

const char *pass_text(const struct node *node, const char *name, const char *fallback) {
    const struct attribute *attribute = node_attribute(node, name);
    return attribute && attribute->type == ATTRIBUTE_STRING ? attribute->s.bytes : fallback;
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
