#include "runtime/passes/pass_inline.h"

#include "runtime/program/program_graph.h"

#include <string.h>

struct inlining {
    struct pass_context *context;
    struct graph *graph;
    struct pass_nodes grown; /* the new list of nodes */
    int *instead;            /* by value when the pass began: what its readers read */
};

/* The subgraph that the node is, and the values that stand for the subgraph's. */
struct inlined {
    const struct pass_context *context;
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

static bool take_captured(const struct inlined *inlined, const struct node *node, int body) {
    const struct op_control *control = pass_facts(inlined->context, node)->control;
    const size_t count = (size_t)program_captured(node, control, body, NULL, NULL);
    int *values = pass_scratch(inlined->context, count + 1, sizeof *values);
    int *inputs = pass_scratch(inlined->context, count + 1, sizeof *inputs);
    if (!values || !inputs)
        return false;
    program_captured(node, control, body, values, inputs);
    for (size_t i = 0; i < count; i++)
        inlined->values[values[i]] = node->inputs[inputs[i]];
    return true;
}

/* The subgraph's own values become values of the graph. */
static bool take_values(const struct inlined *inlined) {
    struct graph *graph = inlined->context->graph;
    for (int i = 0; i < inlined->body->value_count; i++) {
        const struct value *value = &inlined->body->values[i];
        if (value->is_captured)
            continue;
        const int added = graph_add_value(graph, inlined->context->program->pool, value->name);
        if (added < 0)
            return false;
        graph->values[added].type = value->type;
        graph->values[added].initializer = value->initializer;
        inlined->values[i] = added;
    }
    return true;
}

static int *translate(const struct inlined *inlined, const int *values, int count) {
    int *translated = pool_array(inlined->context->program->pool, (size_t)count + 1, sizeof *translated);
    for (int i = 0; translated && i < count; i++)
        translated[i] = values[i] == NO_VALUE ? NO_VALUE : inlined->values[values[i]];
    return translated;
}

static bool take_nodes(const struct inlined *inlined, struct pass_nodes *list) {
    for (int i = 0; i < inlined->body->node_count; i++) {
        struct node node = inlined->body->nodes[i];
        node.inputs = translate(inlined, node.inputs, node.input_count);
        node.outputs = translate(inlined, node.outputs, node.output_count);
        if (!node.inputs || !node.outputs || !pass_append(inlined->context, list, &node))
            return false;
    }
    return true;
}

bool pass_inline_body(const struct pass_context *context, const struct node *node, int body, const int *given,
                      struct pass_nodes *list, int *results) {
    const struct op_control *control = pass_facts(context, node)->control;
    struct inlined inlined = {.context = context,
                              .body =
                                  program_graph(context->program->source, program_subgraph(node, control->bodies[body]),
                                                context->program->pool)};
    if (!inlined.body)
        return false;
    inlined.values = pass_scratch(context, (size_t)inlined.body->value_count + 1, sizeof *inlined.values);
    if (!inlined.values || !take_captured(&inlined, node, body) || !take_values(&inlined))
        return false;
    for (int i = 0; given && i < inlined.body->input_count; i++)
        inlined.values[inlined.body->inputs[i]] = given[i];
    if (!take_nodes(&inlined, list))
        return false;
    for (int i = 0; i < inlined.body->output_count; i++)
        results[i] = inlined.values[inlined.body->outputs[i]];
    return true;
}

static bool inline_body(struct inlining *inlining, const struct node *node, int body) {
    int *results = pass_scratch(inlining->context, (size_t)node->output_count + 1, sizeof *results);
    if (!results || !pass_inline_body(inlining->context, node, body, NULL, &inlining->grown, results))
        return false;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            inlining->instead[node->outputs[i]] = results[i];
    return inlining->context->again = true;
}

/* A node's inputs have been moved already when it is looked at. */
static bool walk(struct inlining *inlining) {
    const struct graph *graph = inlining->graph;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        forward(inlining, node->inputs, node->input_count);
        const int body = chosen_body(inlining->context, node);
        if (!(body < 0 ? pass_append(inlining->context, &inlining->grown, node) != NULL
                       : inline_body(inlining, node, body)))
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
    pass_replace_nodes(context, &inlining.grown);
    return STATUS_OK;
}
