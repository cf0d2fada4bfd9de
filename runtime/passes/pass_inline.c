#include "runtime/passes/pass_inline.h"

#include "runtime/program/program_graph.h"

#include <string.h>

struct inlining {
    struct pass_context *context;
    struct graph *graph;
    struct graph grown; /* the new list of nodes */
    int *instead;       /* by value when the pass began: what its readers read */
};

/* The subgraph that the node is, and the values that stand for the subgraph's. */
struct inlined {
    const struct graph *body;
    int *values;
};

static void forward(const struct inlining *inlining, int *values, int count) {
    for (int i = 0; i < count; i++)
        if (values[i] != NO_VALUE && values[i] < inlining->context->value_count)
            values[i] = inlining->instead[values[i]];
}

/* Which subgraph takes the node's place, or -1. */
static int chosen_body(const struct pass_context *context, const struct node *node) {
    const struct op_control *control = program_has_subgraph(node) ? pass_facts(context, node)->control : NULL;
    const struct op_call *call = control ? pass_call(context, node) : NULL;
    struct op_schedule schedule;
    struct op_mapping mapping;
    struct error ignored;
    if (!call)
        return -1;
    control->map(call, &mapping);
    if (mapping.counts || mapping.carried || mapping.sliced || mapping.stacked ||
        control->start(call, &schedule, &ignored) != STATUS_OK || !schedule.goes || schedule.trips != 1)
        return -1;
    return schedule.body;
}

static bool take_captured(const struct inlining *inlining, const struct node *node, int body, struct inlined *inlined) {
    const struct op_control *control = pass_facts(inlining->context, node)->control;
    const size_t count = (size_t)program_captured(node, control, body, NULL, NULL);
    int *values = pass_scratch(inlining->context, count + 1, sizeof *values);
    int *inputs = pass_scratch(inlining->context, count + 1, sizeof *inputs);
    if (!values || !inputs)
        return false;
    program_captured(node, control, body, values, inputs);
    for (size_t i = 0; i < count; i++)
        inlined->values[values[i]] = node->inputs[inputs[i]];
    return true;
}

/* The subgraph's own values become values of the graph. */
static bool take_values(const struct inlining *inlining, struct inlined *inlined) {
    for (int i = 0; i < inlined->body->value_count; i++) {
        const struct value *value = &inlined->body->values[i];
        if (value->is_captured)
            continue;
        const int added = graph_add_value(inlining->graph, inlining->context->program->pool, value->name);
        if (added < 0)
            return false;
        inlining->graph->values[added].type = value->type;
        inlining->graph->values[added].initializer = value->initializer;
        inlined->values[i] = added;
    }
    return true;
}

static int *translate(const struct inlining *inlining, const struct inlined *inlined, const int *values, int count) {
    int *translated = pool_array(inlining->context->program->pool, (size_t)count + 1, sizeof *translated);
    for (int i = 0; translated && i < count; i++)
        translated[i] = values[i] == NO_VALUE ? NO_VALUE : inlined->values[values[i]];
    return translated;
}

static bool add_node(struct inlining *inlining, const struct node *node) {
    return graph_add_node(&inlining->grown, inlining->context->program->pool, node) >= 0;
}

static bool take_nodes(struct inlining *inlining, const struct inlined *inlined) {
    for (int i = 0; i < inlined->body->node_count; i++) {
        struct node node = inlined->body->nodes[i];
        node.inputs = translate(inlining, inlined, node.inputs, node.input_count);
        node.outputs = translate(inlining, inlined, node.outputs, node.output_count);
        if (!node.inputs || !node.outputs || !add_node(inlining, &node))
            return false;
    }
    return true;
}

static bool inline_body(struct inlining *inlining, const struct node *node, int body) {
    struct pass_context *context = inlining->context;
    const struct op_control *control = pass_facts(context, node)->control;
    struct inlined inlined = {.body =
                                  program_graph(context->program->source, program_subgraph(node, control->bodies[body]),
                                                context->program->pool)};
    if (!inlined.body)
        return false;
    inlined.values = pass_scratch(context, (size_t)inlined.body->value_count + 1, sizeof *inlined.values);
    if (!inlined.values || !take_captured(inlining, node, body, &inlined) || !take_values(inlining, &inlined) ||
        !take_nodes(inlining, &inlined))
        return false;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            inlining->instead[node->outputs[i]] = inlined.values[inlined.body->outputs[i]];
    context->again = true;
    return true;
}

/* A node's inputs have been moved already when it is looked at. */
static bool walk(struct inlining *inlining) {
    const struct graph *graph = inlining->graph;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        forward(inlining, node->inputs, node->input_count);
        const int body = chosen_body(inlining->context, node);
        if (!(body < 0 ? add_node(inlining, node) : inline_body(inlining, node, body)))
            return false;
    }
    return true;
}

static bool has_subgraphs(const struct pass_context *context) {
    for (int i = 0; i < context->graph->node_count; i++)
        if (program_has_subgraph(&context->graph->nodes[i]))
            return true;
    return false;
}

status pass_inline(struct pass_context *context, struct error *err) {
    struct graph *graph = context->graph;
    struct inlining inlining = {.context = context, .graph = graph};
    if (!has_subgraphs(context))
        return STATUS_OK;
    inlining.instead = pass_scratch(context, (size_t)context->value_count + 1, sizeof *inlining.instead);
    for (int i = 0; inlining.instead && i < context->value_count; i++)
        inlining.instead[i] = i;
    if (!inlining.instead || !walk(&inlining))
        return fail_memory(err, "a pass");
    forward(&inlining, graph->outputs, graph->output_count);
    graph->nodes = inlining.grown.nodes;
    graph->node_count = inlining.grown.node_count;
    graph->node_capacity = inlining.grown.node_capacity;
    return STATUS_OK;
}
