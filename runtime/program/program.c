#include "runtime/program/program.h"

#include "runtime/passes/pass.h"
#include "runtime/program/prune.h"
#include "runtime/program/support.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const struct attribute *node_attribute(const struct node *node, const char *name) {
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

const struct op_arg *program_argument(const struct op_arg *arguments, int i) {
    for (; arguments && arguments->name; arguments++, i--)
        if (i == 0 || (arguments->flags & ARG_VARIADIC))
            return arguments;
    return NULL;
}

int program_opset(const struct onnx_model *source, const struct node *node) {
    if (strcmp(node->domain, INTERNAL_DOMAIN) == 0)
        return INTERNAL_OPSET;
    const int64_t version = onnx_opset(source, node->domain);
    return version < 0 ? 0 : version > INT_MAX ? INT_MAX : (int)version;
}

/* The operator's name: how its numbers lie is not the reader's business. */
static const char *shown_type(const struct node *node) {
    static const char prefix[] = "Blocked";
    const bool blocked =
        strcmp(node->domain, INTERNAL_DOMAIN) == 0 && strncmp(node->op_type, prefix, sizeof prefix - 1) == 0;
    return node->op_type + (blocked ? sizeof prefix - 1 : 0);
}

const char *program_label(struct pool *pool, const struct graph *graph, const struct node *node) {
    if (node->name && node->name[0])
        return pool_format(pool, "%.100s \"%.200s\"", shown_type(node), node->name);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return pool_format(pool, "%.100s making \"%.200s\"", shown_type(node),
                               graph->values[node->outputs[i]].name);
    return pool_format(pool, "%.100s", shown_type(node));
}

const struct tensor *program_constant(const struct program *program, int value) {
    if (value == NO_VALUE)
        return NULL;
    const struct value *v = &program->graph->values[value];
    return program->open && v->is_input ? NULL : v->initializer;
}

struct program_block *program_block_create(struct program *program, void *data) {
    struct program_block *block = pool_alloc(program->pool, sizeof *block);
    if (block)
        block->data = data;
    else
        free(data);
    return block;
}

static void block_leave(struct program_block *block) {
    if (--block->users > 0)
        return;
    free(block->data);
    block->data = NULL;
}

static bool blocks_reserve(struct program *program, int value) {
    if (value < program->block_capacity)
        return true;
    const int capacity = value < INT_MAX / 2 ? value * 2 + 64 : INT_MAX;
    struct program_block **grown = realloc(program->blocks, (size_t)capacity * sizeof *grown);
    if (!grown)
        return false;
    for (int i = program->block_capacity; i < capacity; i++)
        grown[i] = NULL;
    program->blocks = grown;
    program->block_capacity = capacity;
    return true;
}

status program_set_constant(struct program *program, int value, const struct tensor *tensor,
                            struct program_block *block, struct error *err) {
    if (block)
        block->users++;
    struct tensor *copy = pool_alloc(program->pool, sizeof *copy);
    if (!copy || !blocks_reserve(program, value)) {
        if (block)
            block_leave(block);
        return fail_memory(err, "a folded constant");
    }
    *copy = *tensor;
    copy->constant = true;
    program->graph->values[value].initializer = copy;
    program->graph->values[value].producer = -1;
    program->blocks[value] = block;
    return STATUS_OK;
}

void program_drop_constant(struct program *program, int value) {
    struct value *v = &program->graph->values[value];
    struct program_block *block = value < program->block_capacity ? program->blocks[value] : NULL;
    if (block) {
        program->blocks[value] = NULL;
        block_leave(block);
    } else if (v->initializer) {
        tensor_drop_pages(v->initializer);
    }
    v->initializer = NULL;
}

/* In a closed program a default value is a constant like any other, and no input. */
static void close_inputs(struct graph *graph) {
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].initializer)
            graph->values[i].is_input = false;
}

static const char *running_type(struct pool *pool, const struct node *node) {
    const struct attribute *activation = node_attribute(node, "activation");
    const bool fused = strcmp(node->domain, INTERNAL_DOMAIN) == 0 && activation;
    return fused ? pool_format(pool, "%s+%s", shown_type(node), activation->s.bytes) : shown_type(node);
}

static status bind_node(struct program *program, int index, struct error *err) {
    const struct node *node = &program->graph->nodes[index];
    struct program_node *bound = &program->nodes[index];
    bound->opset = program_opset(program->source, node);
    bound->op = op_find(node->domain, node->op_type, bound->opset);
    bound->label = program_label(program->pool, program->graph, node);
    bound->op_type = running_type(program->pool, node);
    if (!bound->label || !bound->op_type)
        return fail_memory(err, "a node");
    if (!bound->op)
        return fail(err, STATUS_UNSUPPORTED, "%s: operator %s is not supported", bound->label, node->op_type);
    void *params = pool_alloc(program->pool, bound->op->params_size + 1);
    if (!params)
        return fail_memory(err, "a node");
    bound->params = params;
    if (support_parse(node, bound->op, bound->opset, params, err) != STATUS_OK)
        return fail_prefix(err, "%s", bound->label);
    return STATUS_OK;
}

static status bind(struct program *program, struct error *err) {
    program->nodes = pool_array(program->pool, (size_t)program->graph->node_count + 1, sizeof *program->nodes);
    if (!program->nodes)
        return fail_memory(err, "the nodes");
    for (int i = 0; i < program->graph->node_count; i++) {
        const status code = bind_node(program, i, err);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}

static status build(struct program *program, const struct program_options *options, struct error *err) {
    program->graph = graph_copy(program->source->graph, program->pool);
    if (!program->graph)
        return fail_memory(err, "the graph");
    if (!program->open)
        close_inputs(program->graph);
    if (!prune_graph(program->graph, NULL))
        return fail_memory(err, "the graph");
    status code = support_check(program->source, program->graph, err);
    if (code == STATUS_OK)
        code = passes_run(program, options, err);
    if (code == STATUS_OK)
        code = bind(program, err);
    return code;
}

status program_create(const struct onnx_model *source, const struct program_options *options, struct program **out,
                      struct error *err) {
    *out = NULL;
    struct program *program = calloc(1, sizeof *program);
    if (!program)
        return fail_memory(err, "the program");
    *program = (struct program){.source = source, .pool = pool_create(), .open = options->open};
    const status code = program->pool ? build(program, options, err) : fail_memory(err, "the program");
    if (code != STATUS_OK) {
        program_destroy(program);
        return code;
    }
    *out = program;
    return STATUS_OK;
}

void program_destroy(struct program *program) {
    if (!program)
        return;
    for (int i = 0; i < program->block_capacity; i++)
        if (program->blocks[i])
            block_leave(program->blocks[i]);
    free(program->blocks);
    pool_destroy(program->pool);
    free(program);
}
