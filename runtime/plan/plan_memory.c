#include "runtime/plan/plan_memory.h"

#include "base/memory.h"

static void set_last_uses(struct plan *plan) {
    const struct graph *graph = plan->program->graph;
    for (int s = 0; s < plan->step_count; s++) {
        const struct node *node = plan->steps[s].call.node;
        for (int i = 0; i < node->output_count; i++)
            if (plan->steps[s].call.outputs[i])
                plan->values[node->outputs[i]].last_use = s; /* for those that nobody reads */
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != NO_VALUE)
                plan->values[node->inputs[i]].last_use = s + plan->steps[s].fused;
    }
    for (int i = 0; i < graph->output_count; i++)
        plan->values[graph->outputs[i]].last_use = plan->step_count;
}

static int new_item(struct plan *plan, size_t bytes, int first, int last) {
    plan->items[plan->item_count] = (struct arena_item){.bytes = bytes, .first = first, .last = last};
    return plan->item_count++;
}

static void join_item(struct plan *plan, struct plan_value *value, int item) {
    value->item = item;
    if (value->last_use > plan->items[item].last)
        plan->items[item].last = value->last_use;
}

/* The output is input 0 with another shape: it stands where input 0 stands. */
static bool share_alias(struct plan *plan, const struct node *node, struct plan_value *output) {
    const struct plan_value *input = &plan->values[node->inputs[0]];
    if (input->tensor.bytes != output->tensor.bytes)
        return false;
    if (input->place == PLACE_ARENA) {
        join_item(plan, output, input->item);
        return true;
    }
    output->place = input->place;
    output->port = input->port;
    output->tensor.data = input->tensor.data;
    return true;
}

/* Another input of the node looks at the same memory under another name. */
static bool is_read_twice(const struct plan *plan, const struct node *node, int value) {
    for (int i = 0; i < node->input_count; i++) {
        const int other = node->inputs[i];
        if (other != NO_VALUE && other != value && plan->values[other].place == PLACE_ARENA &&
            plan->values[other].item == plan->values[value].item)
            return true;
    }
    return false;
}

/* Another input of the node is input 0, too, perhaps under another name. */
static bool is_first_again(const struct plan *plan, const struct node *node) {
    for (int i = 1; i < node->input_count; i++)
        if (node->inputs[i] == node->inputs[0])
            return true;
    return is_read_twice(plan, node, node->inputs[0]);
}

/* The output takes the memory of one of the first `count` inputs that has the same size and dies here. */
static bool share_dying(struct plan *plan, const struct node *node, int count, int s, struct plan_value *output) {
    for (int i = 0; i < count; i++) {
        if (node->inputs[i] == NO_VALUE)
            continue;
        const struct plan_value *input = &plan->values[node->inputs[i]];
        if (input->place != PLACE_ARENA || input->item < 0 || input->tensor.bytes != output->tensor.bytes ||
            plan->items[input->item].last != s || is_read_twice(plan, node, node->inputs[i]))
            continue;
        join_item(plan, output, input->item);
        return true;
    }
    return false;
}

static void place_output(struct plan *plan, const struct plan_step *step, int s, int i) {
    const struct node *node = step->call.node;
    struct plan_value *output = &plan->values[node->outputs[i]];
    const enum op_storage storage = step->call.op->storage;
    const bool first = i == 0 && node->input_count > 0 && node->inputs[0] != NO_VALUE;
    if (output->tensor.bytes == 0 || step->fused) {
        output->item = -1;
        return;
    }
    if (first && storage == STORAGE_ALIAS && share_alias(plan, node, output))
        return;
    if (i == 0 && storage == STORAGE_IN_PLACE && share_dying(plan, node, node->input_count, s, output))
        return;
    if (first && storage == STORAGE_IN_FIRST && !is_first_again(plan, node) && share_dying(plan, node, 1, s, output))
        return;
    output->item = new_item(plan, output->tensor.bytes, s, output->last_use);
}

static void place_step(struct plan *plan, int s) {
    struct plan_step *step = &plan->steps[s];
    if (step->dynamic)
        return;
    for (int i = 0; i < step->call.output_count; i++)
        if (step->call.outputs[i])
            place_output(plan, step, s, i);
    if (step->workspace_bytes > 0 && !step->fused)
        step->workspace = new_item(plan, step->workspace_bytes, s, s);
}

/* What threads have for themselves stays where it is from the first step to the last. */
static void place_own(struct plan *plan) {
    size_t most = 0;
    for (int s = 0; s < plan->step_count; s++)
        if (!plan->steps[s].fused && plan->steps[s].call.own_bytes > most)
            most = plan->steps[s].call.own_bytes;
    plan->own_stride = (most + MEMORY_ALIGNMENT - 1) / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT;
    plan->own = most ? new_item(plan, plan->own_stride * (size_t)plan->threads, 0, plan->step_count) : -1;
}

/* A carried value that stays what it is need not be copied by each iteration. */
static bool stays(const struct plan *plan, int output) {
    return plan->program->unchanged && plan->program->unchanged[output] &&
           plan->values[plan->program->graph->outputs[output]].place == PLACE_INPUT;
}

/* Outputs of the graph that are inputs, constants or views of them are copied into the session when all is done. */
static status place_results(struct plan *plan, struct error *err) {
    const struct graph *graph = plan->program->graph;
    for (int i = 0; i < graph->output_count; i++) {
        struct plan_output *output = &plan->outputs[i];
        const struct plan_value *value = &plan->values[graph->outputs[i]];
        *output = (struct plan_output){.value = graph->outputs[i], .item = -1};
        if (value->place == PLACE_NONE)
            return fail(err, STATUS_INVALID_MODEL, "output \"%s\" has no value", graph->values[output->value].name);
        if (!stays(plan, i) && value->place != PLACE_ARENA && value->place != PLACE_DYNAMIC && value->tensor.bytes > 0)
            output->item = new_item(plan, value->tensor.bytes, plan->step_count, plan->step_count);
    }
    plan->output_count = graph->output_count;
    return STATUS_OK;
}

static void list_views(struct plan *plan) {
    for (int i = 0; i < plan->value_count; i++)
        if (plan->values[i].place == PLACE_INPUT)
            plan->views[plan->view_count++] = i;
}

static void list_freed(struct plan *plan) {
    for (int i = 0; i < plan->value_count; i++) {
        struct plan_value *value = &plan->values[i];
        if (value->place != PLACE_DYNAMIC || value->last_use >= plan->step_count)
            continue;
        value->next_freed = plan->steps[value->last_use].freed;
        plan->steps[value->last_use].freed = i;
    }
}

/* Storage is asked for by outputs and workspaces of steps, and by outputs of the graph. */
static size_t most_items(const struct plan *plan) {
    size_t count = (size_t)plan->program->graph->output_count + 2;
    for (int s = 0; s < plan->step_count; s++)
        count += (size_t)plan->steps[s].call.output_count + 1;
    return count;
}

status plan_memory(struct plan *plan, struct error *err) {
    plan->items = pool_array(plan->pool, most_items(plan), sizeof *plan->items);
    plan->outputs = pool_array(plan->pool, (size_t)plan->program->graph->output_count + 1, sizeof *plan->outputs);
    plan->views = pool_array(plan->pool, (size_t)plan->value_count + 1, sizeof *plan->views);
    if (!plan->items || !plan->outputs || !plan->views)
        return fail_memory(err, "the plan");
    set_last_uses(plan);
    place_own(plan);
    for (int s = 0; s < plan->step_count; s++)
        place_step(plan, s);
    if (place_results(plan, err) != STATUS_OK)
        return err->code;
    list_views(plan);
    list_freed(plan);
    if (!arena_layout(plan->items, plan->item_count, &plan->arena_bytes))
        return fail_memory(err, "a plan");
    if (plan->arena_bytes > plan->settings.arena_bytes)
        return fail(err, STATUS_LIMIT, "these input shapes need %zu bytes for activations, the limit is %zu",
                    plan->arena_bytes, plan->settings.arena_bytes);
    return STATUS_OK;
}
