#include "runtime/passes/pass_expand.h"

#include "ops/core/op_write.h"
#include "runtime/passes/pass_inline.h"
#include "runtime/program/types.h"
#include "runtime/program/types_subgraph.h"

#include <limits.h>
#include <string.h>

#define MOST_NODES 1000000 /* that operators are written as, in all, or look at for it */

struct expansion {
    struct pass_context *context;
    struct pass_nodes made;
    struct op_writer writer;
    const struct node *node; /* that is expanded */
    bool beyond;             /* there would be more than MOST_NODES, or as many were looked at */
    int looked;
};

static int add_value(void *context, const char *name) {
    const struct expansion *e = context;
    return graph_add_value(e->context->graph, e->context->program->pool, name);
}

static bool add_node(void *context, const struct node *node) {
    struct expansion *e = context;
    e->beyond |= e->made.count - e->context->graph->node_count >= MOST_NODES;
    return !e->beyond && pass_append(e->context, &e->made, node);
}

/* The subgraph has one input and one output, which parse() sees to. */
static int add_graph(void *context, const char *attribute, int given) {
    struct expansion *e = context;
    const char *const *bodies = pass_facts(e->context, e->node)->control->bodies;
    int body = 0, result = NO_VALUE;
    while (strcmp(bodies[body], attribute) != 0)
        body++;
    return pass_inline_body(e->context, e->node, body, &given, &e->made, &result) ? result : NO_VALUE;
}

static const struct op_call *made(void *context, int i) {
    struct expansion *e = context;
    e->beyond |= e->looked++ >= MOST_NODES;
    return i < e->made.count && !e->beyond ? pass_call(e->context, &e->made.nodes[i]) : NULL;
}

static status keep(struct expansion *e, const struct node *node, struct error *err) {
    return pass_append(e->context, &e->made, node) ? STATUS_OK : fail_memory(err, "a pass");
}

static status expand(struct expansion *e, const struct node *node, struct error *err) {
    const struct op_facts *facts = pass_facts(e->context, node);
    const struct op_call *call = facts->expand ? pass_call(e->context, node) : NULL;
    if (!call)
        return keep(e, node, err);
    const int made = e->made.count;
    e->node = node;
    e->writer.call = call;
    e->writer.own = NULL;
    e->writer.name_count = 0;
    const status code = facts->expand(&e->writer, err);
    if (*e->context->starved)
        return fail_memory(err, "a pass"); /* nodes may have been taken for the last ones */
    if (code != STATUS_OK || e->beyond) {
        const char *label = program_label(e->context->scratch, e->context->graph, node);
        return e->beyond
                   ? fail(err, STATUS_LIMIT,
                          "operators that stand for others would be more than %d nodes, or read as many", MOST_NODES)
                   : fail_prefix(err, "%s", label ? label : node->op_type);
    }
    if (e->made.count == made)
        return keep(e, node, err);
    e->context->again = true;
    return STATUS_OK;
}

/* With room for the largest node; false without memory. */
static bool start_writer(struct expansion *e) {
    const struct graph *graph = e->context->graph;
    int inputs = 0, attributes = 0;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        inputs = node->input_count > inputs ? node->input_count : inputs;
        attributes = node->attribute_count > attributes ? node->attribute_count : attributes;
    }
    if (inputs > INT_MAX / WRITE_MORE_NAMES - WRITE_NAMES || attributes > INT_MAX - WRITE_ATTRIBUTES)
        return false;
    inputs = inputs * WRITE_MORE_NAMES + WRITE_NAMES;
    attributes += WRITE_ATTRIBUTES;
    e->writer = (struct op_writer){.pool = e->context->program->pool,
                                   .context = e,
                                   .add_value = add_value,
                                   .add_node = add_node,
                                   .add_graph = add_graph,
                                   .made = made,
                                   .name_capacity = inputs};
    e->writer.names = pass_scratch(e->context, (size_t)inputs, sizeof *e->writer.names);
    e->writer.inputs = pass_scratch(e->context, (size_t)inputs, sizeof *e->writer.inputs);
    e->writer.attributes = pass_scratch(e->context, (size_t)attributes, sizeof *e->writer.attributes);
    return e->writer.names && e->writer.inputs && e->writer.attributes;
}

static bool stands_for_others(const struct pass_context *context) {
    for (int i = 0; i < context->graph->node_count; i++)
        if (pass_facts(context, &context->graph->nodes[i])->expand)
            return true;
    return false;
}

status pass_expand(struct pass_context *context, struct error *err) {
    struct expansion e = {.context = context};
    struct types_scope scope = {context->program->source, context->scratch, context->graph, NULL};
    if (!stands_for_others(context))
        return STATUS_OK;
    if (!start_writer(&e))
        return fail_memory(err, "a pass");
    scope.types = pass_scratch(context, (size_t)context->value_count + 1, sizeof *scope.types);
    if (!scope.types)
        return fail_memory(err, "a pass");
    types_start(context->graph, scope.types);
    status code = types_graph(&scope, err);
    context->types = scope.types;
    const struct node *nodes = context->graph->nodes;
    const int count = context->graph->node_count;
    for (int i = 0; code == STATUS_OK && i < count; i++)
        code = expand(&e, &nodes[i], err);
    if (code == STATUS_OK)
        pass_replace_nodes(context, &e.made);
    return code;
}
