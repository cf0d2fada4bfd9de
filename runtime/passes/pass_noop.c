#include "runtime/passes/pass_noop.h"

#include "runtime/passes/pass.h"
#include "runtime/program/types.h"

/* The node's first output is its first input, and no other one is read. */
static bool is_noop(const struct op_call *call) {
    const struct op_facts *facts = op_facts(call->op);
    if (!facts->is_noop || !op_input(call, 0) || call->node->output_count < 1 || call->node->outputs[0] == NO_VALUE)
        return false;
    for (int i = 1; i < call->output_count; i++)
        if (call->outputs[i])
            return false;
    return facts->is_noop(call);
}

static void forward(int *values, int count, const int *instead) {
    for (int i = 0; i < count; i++)
        if (values[i] != NO_VALUE)
            values[i] = instead[values[i]];
}

/*
 * One sweep in order: when a node is looked at, its inputs have been moved already. Whether axes and pads fit the shape
 * of what a node reads is not known yet: plans check that, unless the operator takes everything. Those of subgraphs do
 * not, so there such nodes stay.
 */
status pass_noop(struct pass_context *context, struct error *err) {
    struct graph *graph = context->graph;
    int *instead = pool_array(context->scratch, (size_t)context->value_count + 1, sizeof *instead);
    enum dtype *types = pool_array(context->scratch, (size_t)context->value_count + 1, sizeof *types);
    context->types = types;
    if (!instead || !types)
        return fail_memory(err, "a pass");
    for (int i = 0; i < context->value_count; i++)
        instead[i] = i;
    types_start(graph, types);
    for (int i = 0; i < graph->node_count; i++) {
        struct node *node = &graph->nodes[i];
        forward(node->inputs, node->input_count, instead);
        const struct op_call *call = pass_call(context, node);
        struct error ignored;
        if (!call)
            continue;
        const bool assumes = !op_facts(call->op)->carries;
        if (is_noop(call) && !(assumes && context->program->inner)) {
            instead[node->outputs[0]] = node->inputs[0];
            context->program->assumes |= assumes;
        }
        types_step(call, types, &ignored);
    }
    forward(graph->outputs, graph->output_count, instead);
    return STATUS_OK;
}
