#include "runtime/program/program.h"

#include "onnx/model.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_infer.h"
#include "ops/registry.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

int program_opset(const struct onnx_model *source, const struct node *node) {
    if (strcmp(node->domain, INTERNAL_DOMAIN) == 0)
        return INTERNAL_OPSET;
    const int64_t version = node->opset ? node->opset : onnx_opset(source, node->domain);
    return version < 0 ? 0 : version > INT_MAX ? INT_MAX : (int)version;
}

/* The operator's name: how its numbers lie is not the reader's business. */
const char *program_shown_type(const struct node *node) {
    const bool internal = strcmp(node->domain, INTERNAL_DOMAIN) == 0;
    const char *shown = internal ? op_facts(op_find(node->domain, node->op_type, INTERNAL_OPSET))->shown : NULL;
    return shown ? shown : node->op_type;
}

const char *program_label(struct pool *pool, const struct graph *graph, const struct node *node) {
    if (node->name && node->name[0])
        return pool_format(pool, "%.100s \"%.200s\"", program_shown_type(node), node->name);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return pool_format(pool, "%.100s making \"%.200s\"", program_shown_type(node),
                               graph->values[node->outputs[i]].name);
    return pool_format(pool, "%.100s", program_shown_type(node));
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

void program_destroy(struct program *program) {
    if (!program)
        return;
    for (int i = 0; program->nodes && i < program->graph->node_count; i++)
        for (int b = 0; b < program->nodes[i].body_count; b++)
            program_destroy(program->nodes[i].bodies[b].program);
    for (int i = 0; i < program->block_capacity; i++)
        if (program->blocks[i])
            block_leave(program->blocks[i]);
    free(program->blocks);
    program_destroy(program->unaltered);
    pool_destroy(program->pool);
    free(program);
}

#define MOST_SHOWN 64 /* arguments of a node; what lies beyond is of the kind of the last one */

/* The arguments that are there, as tensors of which nothing is known. */
static int show_present(struct tensor *shown[MOST_SHOWN], const int *values, int count) {
    static struct tensor present = {.bytes = 1};
    const int most = count < MOST_SHOWN ? count : MOST_SHOWN;
    for (int i = 0; i < most; i++)
        shown[i] = values[i] == NO_VALUE ? NULL : &present;
    return most;
}

status program_parse(const struct node *node, const struct op *op, int opset, void *params, struct error *err) {
    struct tensor *inputs[MOST_SHOWN], *outputs[MOST_SHOWN];
    const struct op_call call = {.op = op,
                                 .node = node,
                                 .opset = opset,
                                 .params = params,
                                 .input_count = show_present(inputs, node->inputs, node_arguments(node)),
                                 .inputs = (const struct tensor *const *)inputs,
                                 .output_count = show_present(outputs, node->outputs, node->output_count),
                                 .outputs = outputs};
    const status code = op_parse(&call, params, err);
    return code == STATUS_OK ? op_check_counts(&call, err) : code;
}
