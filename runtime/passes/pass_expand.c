#include "runtime/passes/pass_expand.h"

#include "ops/core/op_write.h"
#include "runtime/passes/pass_inline.h"
#include "runtime/program/types.h"
#include "runtime/program/types_subgraph.h"

#include <string.h>

struct expansion {
    struct pass_context *context;
    struct pass_nodes made;
    const struct node *node; /* that is expanded */
};

static int add_value(void *context, const char *name) {
    const struct expansion *e = context;
    return graph_add_value(e->context->graph, e->context->program->pool, name);
}

static bool add_node(void *context, const struct node *node) {
    struct expansion *e = context;
    return pass_append(e->context, &e->made, node) != NULL;
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

static status keep(struct expansion *e, const struct node *node, struct error *err) {
    return pass_append(e->context, &e->made, node) ? STATUS_OK : fail_memory(err, "a pass");
}

static status expand(struct expansion *e, const struct node *node, struct error *err) {
    const struct op_facts *facts = pass_facts(e->context, node);
    const struct op_call *call = facts->expand ? pass_call(e->context, node) : NULL;
    struct op_writer *writer;
    if (!call)
        return keep(e, node, err);
    writer = pass_scratch(e->context, 1, sizeof *writer);
    if (!writer)
        return fail_memory(err, "a pass");
    *writer = (struct op_writer){
        .pool = e->context->program->pool,
        .call = call,
        .context = e,
        .add_value = add_value,
        .add_node = add_node,
        .add_graph = add_graph,
        .names = pass_scratch(e->context, WRITE_NAMES + (size_t)node->input_count, sizeof *writer->names)};
    if (!writer->names)
        return fail_memory(err, "a pass");
    const int made = e->made.count;
    e->node = node;
    if (facts->expand(writer, err) != STATUS_OK)
        return fail_prefix(err, "%s", program_label(e->context->scratch, e->context->graph, node));
    if (e->made.count == made)
        return keep(e, node, err);
    e->context->again = true;
    return STATUS_OK;
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
