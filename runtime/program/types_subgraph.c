#include "runtime/program/types_subgraph.h"

#include "ops/registry.h"
#include "runtime/program/program.h"
#include "runtime/program/program_graph.h"
#include "runtime/program/types.h"

/* What an iteration is given, in the order that op_control.h says: only where the subgraph does not declare it. */
static void give_iteration(const struct types_scope *outer, const struct node *node, const struct op_mapping *mapping,
                           const struct types_scope *inner) {
    for (int i = 0; i < inner->graph->input_count; i++) {
        enum dtype *type = &inner->types[inner->graph->inputs[i]];
        const int given = mapping->counts ? i - 2 : i, input = mapping->first + given;
        if (*type != DTYPE_UNDEFINED || given >= mapping->carried + mapping->sliced)
            continue;
        if (given < 0)
            *type = i == 0 ? DTYPE_INT64 : DTYPE_BOOL;
        else if (input < node_arguments(node) && node->inputs[input] != NO_VALUE)
            *type = outer->types[node->inputs[input]];
        if (mapping->items && *type == DTYPE_SEQUENCE) /* an item of it, of a type that is not known yet */
            *type = DTYPE_UNDEFINED;
    }
}

static status give_captured(const struct types_scope *outer, const struct node *node, const struct op_control *control,
                            int body, const struct types_scope *inner, struct error *err) {
    const int count = program_captured(node, control, body, NULL, NULL);
    int *values = pool_array(outer->pool, (size_t)count + 1, sizeof *values);
    int *inputs = pool_array(outer->pool, (size_t)count + 1, sizeof *inputs);
    if (!values || !inputs)
        return fail_memory(err, "a subgraph");
    program_captured(node, control, body, values, inputs);
    for (int i = 0; i < count; i++) {
        const int outside = node->inputs[inputs[i]];
        inner->types[values[i]] = outside == NO_VALUE ? DTYPE_UNDEFINED : outer->types[outside];
    }
    return STATUS_OK;
}

status types_enter(const struct types_scope *outer, const struct node *node, const struct op_control *control, int body,
                   const struct op_mapping *mapping, struct types_scope *inner, struct error *err) {
    const struct graph *graph = program_graph(outer->model, program_subgraph(node, control->bodies[body]), outer->pool);
    enum dtype *types = graph ? pool_array(outer->pool, (size_t)graph->value_count + 1, sizeof *types) : NULL;
    if (!types)
        return fail_memory(err, "a subgraph");
    *inner = (struct types_scope){outer->model, outer->pool, graph, types};
    types_start(graph, types);
    give_iteration(outer, node, mapping, inner);
    return give_captured(outer, node, control, body, inner, err);
}

void types_leave(const struct types_scope *outer, const struct node *node, const struct op_mapping *mapping,
                 const struct types_scope *inner) {
    for (int i = 0; i < node->output_count && i < mapping->latest + mapping->stacked; i++)
        if (node->outputs[i] != NO_VALUE)
            outer->types[node->outputs[i]] =
                mapping->items ? DTYPE_SEQUENCE : inner->types[inner->graph->outputs[mapping->counts + i]];
}

static status through_subgraphs(const struct types_scope *scope, const struct op_call *call, struct error *err) {
    const struct op_control *control = op_facts(call->op)->control;
    struct op_mapping mapping;
    struct types_scope inner;
    control->map(call, &mapping);
    for (int i = 0; control->bodies[i]; i++) {
        if (!program_subgraph(call->node, control->bodies[i]))
            continue;
        if (types_enter(scope, call->node, control, i, &mapping, &inner, err) != STATUS_OK ||
            types_graph(&inner, err) != STATUS_OK)
            return err->code;
        types_leave(scope, call->node, &mapping, &inner);
    }
    return STATUS_OK;
}

status types_node(const struct types_scope *scope, const struct op_call *call, struct error *err) {
    struct error ignored;
    types_step(call, scope->types, &ignored);
    return op_facts(call->op)->control && call->params ? through_subgraphs(scope, call, err) : STATUS_OK;
}

status types_graph(const struct types_scope *scope, struct error *err) {
    struct error ignored;
    for (int i = 0; i < scope->graph->node_count; i++) {
        const struct node *node = &scope->graph->nodes[i];
        const int opset = program_opset(scope->model, node);
        const struct op *op = op_find(node->domain, node->op_type, opset);
        void *params = op ? pool_alloc(scope->pool, op->params_size + 1) : NULL;
        if (!op)
            continue;
        if (!params)
            return fail_memory(err, "a node");
        const bool parsed = program_parse(node, op, opset, params, &ignored) == STATUS_OK;
        const struct op_call call = {.op = op, .node = node, .opset = opset, .params = parsed ? params : NULL};
        if (types_node(scope, &call, err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}
