#include "runtime/plan/plan_fuse.h"

#include "ops/core/op_facts.h"

#include <stdlib.h>

/* How often each value is read by steps that run, or as an output of the graph; NULL without memory. */
static int *count_readers(const struct plan *plan) {
    const struct graph *graph = plan->program->graph;
    int *readers = calloc((size_t)plan->value_count + 1, sizeof *readers);
    for (int s = 0; readers && s < plan->step_count; s++) {
        const struct node *node = plan->steps[s].call.node;
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NO_VALUE)
                readers[node->inputs[i]]++;
    }
    for (int i = 0; readers && i < graph->output_count; i++)
        readers[graph->outputs[i]]++;
    return readers;
}

/* The second step alone reads what the first one makes, as its input 0, and both are ready. */
static bool follows(const int *readers, const struct plan_step *first, const struct plan_step *second) {
    const struct node *node = first->call.node, *next = second->call.node;
    return op_facts(first->call.op)->fuse && first->prepared && second->prepared && !first->dynamic &&
           !second->dynamic && node->output_count == 1 && next->output_count == 1 && next->input_count > 0 &&
           next->inputs[0] == node->outputs[0] && readers[node->outputs[0]] == 1;
}

static status fuse_steps(struct plan *plan, const int *readers, struct error *err) {
    for (int s = 0; s + 1 < plan->step_count; s++) {
        struct plan_step *first = &plan->steps[s], *second = &plan->steps[s + 1];
        size_t bytes = 0;
        if (!follows(readers, first, second))
            continue;
        if (op_facts(first->call.op)->fuse(&first->call, &second->call, &bytes, err) != STATUS_OK)
            return fail_prefix(err, "%s", second->bound->label);
        first->fused = bytes > 0;
        if (first->fused) {
            second->workspace_bytes = bytes;
            s++;
        }
    }
    return STATUS_OK;
}

status plan_fuse(struct plan *plan, struct error *err) {
    int *readers = count_readers(plan);
    if (!readers)
        return fail_memory(err, "the plan");
    const status code = fuse_steps(plan, readers, err);
    free(readers);
    return code;
}
