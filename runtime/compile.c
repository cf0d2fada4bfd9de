#include "runtime/compile.h"

#include "ops/registry.h"
#include "runtime/passes/pass.h"
#include "runtime/passes/passes.h"
#include "runtime/program/prune.h"
#include "runtime/program/support.h"

#include <stdlib.h>
#include <string.h>

static const char *running_type(struct pool *pool, const struct node *node) {
    const struct attribute *activation = node_attribute(node, "activation");
    const bool fused = strcmp(node->domain, INTERNAL_DOMAIN) == 0 && activation;
    return fused ? pool_format(pool, "%s+%s", program_shown_type(node), activation->s.bytes) : program_shown_type(node);
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

/* In a closed program a default value is a constant like any other, and no input. */
static void close_inputs(struct graph *graph) {
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].initializer)
            graph->values[i].is_input = false;
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
    if (code == STATUS_OK && program->assumes) {
        struct program_options unaltered = *options;
        unaltered.passes_off = PASS_ALL;
        code = program_create(program->source, &unaltered, &program->unaltered, err);
    }
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
