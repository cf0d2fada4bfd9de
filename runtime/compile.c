#include "runtime/compile.h"

#include "ops/registry.h"
#include "runtime/passes/pass.h"
#include "runtime/passes/passes.h"
#include "runtime/program/program_graph.h"
#include "runtime/program/support.h"
#include "runtime/program/types.h"
#include "runtime/program/types_subgraph.h"

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
    if (program_parse(node, bound->op, bound->opset, params, err) != STATUS_OK)
        return fail_prefix(err, "%s", bound->label);
    return STATUS_OK;
}

/* In a closed program a default value is a constant like any other, and no input. */
static void close_inputs(struct graph *graph) {
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].initializer)
            graph->values[i].is_input = false;
}

/* A subgraph's nodes may have subgraphs. */
static status bind(struct program *program, const struct program_options *options, struct error *err);

static status build(struct program *program, const struct program_options *options, struct error *err) {
    const status code = passes_run(program, options, err);
    return code == STATUS_OK ? bind(program, options, err) : code;
}

static struct program *new_program(const struct onnx_model *source, const struct graph *graph, bool open) {
    struct program *program = calloc(1, sizeof *program);
    if (!program)
        return NULL;
    *program = (struct program){.source = source, .pool = pool_create(), .open = open};
    program->graph = program->pool ? program_graph(source, graph, program->pool) : NULL;
    if (program->graph)
        return program;
    program_destroy(program);
    return NULL;
}

/* ---- subgraphs ---- */

/* What the subgraph is given, and what it reads of constants around it. */
static status list_ports(const struct program *outer, const struct node *node, const struct op_control *control,
                         int index, struct program_body *body, struct error *err) {
    struct graph *graph = body->program->graph;
    const int captured = program_captured(node, control, index, NULL, NULL);
    const size_t most = (size_t)graph->input_count + (size_t)captured + 1;
    body->port_values = pool_array(body->program->pool, most, sizeof *body->port_values);
    body->port_inputs = pool_array(body->program->pool, most, sizeof *body->port_inputs);
    if (!body->port_values || !body->port_inputs)
        return fail_memory(err, "a subgraph");
    body->given = body->port_count = graph->input_count;
    for (int i = 0; i < body->given; i++)
        body->port_values[i] = graph->inputs[i];
    int *values = &body->port_values[body->given], *inputs = &body->port_inputs[body->given];
    program_captured(node, control, index, values, inputs);
    for (int i = 0; i < captured; i++) {
        const int value = values[i], input = inputs[i];
        graph->values[value].initializer = program_constant(outer, node->inputs[input]);
        if (graph->values[value].initializer)
            continue;
        body->port_values[body->port_count] = value;
        body->port_inputs[body->port_count++] = input;
    }
    return STATUS_OK;
}

/* The nodes read the constant; what carries the value on stays as it is. */
static bool read_constant(struct graph *graph, struct pool *pool, int value, const struct tensor *constant) {
    const int added = graph_add_value(graph, pool, graph->values[value].name);
    if (added < 0)
        return false;
    graph->values[added].initializer = constant;
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].input_count; k++)
            if (graph->nodes[i].inputs[k] == value)
                graph->nodes[i].inputs[k] = added;
    return true;
}

/* Carried values that the subgraph hands on as it got them: in loops of some exporters weights are such, constants
 * around it. */
static status list_unchanged(const struct program *outer, const struct op_call *call, const struct program_body *body,
                             struct error *err) {
    struct program *program = body->program;
    struct graph *graph = program->graph;
    struct op_mapping mapping;
    op_facts(call->op)->control->map(call, &mapping);
    program->unchanged = pool_array(program->pool, (size_t)graph->output_count + 1, sizeof *program->unchanged);
    if (!program->unchanged)
        return fail_memory(err, "a subgraph");
    for (int i = 0; i < mapping.carried; i++) {
        const int value = graph->inputs[(mapping.counts ? 2 : 0) + i], output = mapping.counts + i;
        const struct tensor *constant = program_constant(outer, call->node->inputs[mapping.first + i]);
        program->unchanged[output] = graph->outputs[output] == value;
        if (constant && program->unchanged[output] && !read_constant(graph, program->pool, value, constant))
            return fail_memory(err, "a subgraph");
    }
    return STATUS_OK;
}

/* What the subgraph captures and is given has the types that it has outside; kept as declared ones. */
static status give_types(const struct types_scope *outer, const struct op_call *call, int index,
                         struct program_body *body, struct error *err) {
    const struct op_control *control = op_facts(call->op)->control;
    struct graph *graph = body->program->graph;
    struct op_mapping mapping;
    struct types_scope inner;
    control->map(call, &mapping);
    if (types_enter(outer, call->node, control, index, &mapping, &inner, err) != STATUS_OK)
        return err->code;
    for (int i = 0; i < graph->value_count; i++)
        if (graph->values[i].is_captured || graph->values[i].is_input)
            graph->values[i].type.dtype = inner.types[i];
    return STATUS_OK;
}

static status bind_body(struct program *outer, const struct types_scope *types, const struct op_call *call, int index,
                        const struct program_options *options, struct program_body *body, struct error *err) {
    const struct node *node = call->node;
    const struct op_control *control = op_facts(call->op)->control;
    struct program_options own = *options;
    own.open = false;
    body->name = control->bodies[index];
    body->program = new_program(outer->source, program_subgraph(node, body->name), false);
    if (!body->program)
        return fail_memory(err, "a subgraph");
    body->program->inner = true;
    status code = list_ports(outer, node, control, index, body, err);
    if (code == STATUS_OK)
        code = list_unchanged(outer, call, body, err);
    if (code == STATUS_OK)
        code = give_types(types, call, index, body, err);
    return code == STATUS_OK ? build(body->program, &own, err) : code;
}

/* The passes behind it, so that what they made constant is constant in the subgraphs, too. */
static status bind_bodies(struct program *program, const struct types_scope *types, int index,
                          const struct program_options *options, struct error *err) {
    const struct node *node = &program->graph->nodes[index];
    struct program_node *bound = &program->nodes[index];
    const struct op_control *control = op_facts(bound->op)->control;
    const struct op_call call = {.op = bound->op, .node = node, .opset = bound->opset, .params = bound->params};
    int count = 0;
    if (!control)
        return STATUS_OK;
    while (control->bodies[count])
        count++;
    bound->bodies = pool_array(program->pool, (size_t)count + 1, sizeof *bound->bodies);
    if (!bound->bodies)
        return fail_memory(err, "a subgraph");
    for (int i = 0; i < count; i++) {
        struct program_body *body = &bound->bodies[bound->body_count++];
        if (bind_body(program, types, &call, i, options, body, err) != STATUS_OK)
            return fail_prefix(err, "%s: %s", bound->label, control->bodies[i]);
    }
    return STATUS_OK;
}

static bool has_subgraphs(const struct program *program) {
    for (int i = 0; i < program->graph->node_count; i++)
        if (op_facts(program->nodes[i].op)->control)
            return true;
    return false;
}

static status bind_subgraphs(struct program *program, const struct program_options *options, struct error *err) {
    struct types_scope types = {program->source, pool_create(), program->graph, NULL};
    status code = STATUS_OK;
    if (types.pool)
        types.types = pool_array(types.pool, (size_t)program->graph->value_count + 1, sizeof *types.types);
    if (!types.types)
        code = fail_memory(err, "the types");
    if (code == STATUS_OK) {
        types_start(program->graph, types.types);
        code = types_graph(&types, err);
    }
    for (int i = 0; code == STATUS_OK && i < program->graph->node_count; i++)
        code = bind_bodies(program, &types, i, options, err);
    pool_destroy(types.pool);
    return code;
}

static status bind(struct program *program, const struct program_options *options, struct error *err) {
    program->nodes = pool_array(program->pool, (size_t)program->graph->node_count + 1, sizeof *program->nodes);
    if (!program->nodes)
        return fail_memory(err, "the nodes");
    for (int i = 0; i < program->graph->node_count; i++)
        if (bind_node(program, i, err) != STATUS_OK)
            return err->code;
    return has_subgraphs(program) ? bind_subgraphs(program, options, err) : STATUS_OK;
}

/* ---- the model's graph ---- */

static status build_model(struct program *program, const struct program_options *options, struct error *err) {
    if (!program->open)
        close_inputs(program->graph);
    status code = support_check(program->source, program->graph, err);
    if (code == STATUS_OK)
        code = build(program, options, err);
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
    struct program *program = new_program(source, source->graph, options->open);
    if (!program)
        return fail_memory(err, "the program");
    const status code = build_model(program, options, err);
    if (code != STATUS_OK) {
        program_destroy(program);
        return code;
    }
    *out = program;
    return STATUS_OK;
}
