#include "runtime/plan/plan_reuse.h"

#include "ops/core/op_facts.h"
#include "ops/core/op_infer.h"
#include "ops/weights/weight_cache.h"
#include "runtime/plan/plan.h"
#include "runtime/plan/plan_make.h"
#include "runtime/plan/plan_shapes.h"
#include "runtime/program/program_alike.h"

#include <string.h>

static void *copy_array(struct pool *pool, const void *from, int count, size_t item_bytes) {
    void *copy = pool_array(pool, (size_t)count + 1, item_bytes);
    if (copy && count > 0)
        memcpy(copy, from, (size_t)count * item_bytes);
    return copy;
}

/* Nothing of the old plan's memory is taken over. */
static void forget_values(struct plan *plan) {
    for (int i = 0; i < plan->value_count; i++) {
        struct plan_value *value = &plan->values[i];
        value->owned = false;
        value->tensor.data = NULL;
        if (value->place == PLACE_DYNAMIC)
            value->tensor = (struct tensor){0};
    }
}

static void forget_calls(struct plan *plan) {
    for (int s = 0; s < plan->step_count; s++) {
        struct plan_step *step = &plan->steps[s];
        step->bound = &plan->program->nodes[step->node];
        step->call = (struct op_call){0};
        step->prepared = false;
        step->nanoseconds = 0;
        if (step->dynamic)
            step->macs = 0;
    }
}

static status copy_layout(struct plan *plan, const struct plan *old, struct error *err) {
    struct pool *pool = plan->pool;
    struct plan copy = *old;
    copy.pool = pool;
    copy.program = plan->program;
    copy.settings = plan->settings;
    copy.ports = copy_array(pool, old->ports, old->port_count, sizeof *old->ports);
    copy.values = copy_array(pool, old->values, old->value_count, sizeof *old->values);
    copy.steps = copy_array(pool, old->steps, old->step_count, sizeof *old->steps);
    copy.outputs = copy_array(pool, old->outputs, old->output_count, sizeof *old->outputs);
    copy.views = copy_array(pool, old->views, old->view_count, sizeof *old->views);
    copy.items = copy_array(pool, old->items, old->item_count, sizeof *old->items);
    if (!copy.ports || !copy.values || !copy.steps || !copy.outputs || !copy.views || !copy.items)
        return fail_memory(err, "the plan");
    copy.arena = NULL;
    copy.dynamic_bytes = 0;
    copy.runs = 0;
    *plan = copy;
    forget_values(plan);
    forget_calls(plan);
    return STATUS_OK;
}

static bool reads_known(const struct op_call *call) {
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i] && call->inputs[i]->data)
            return true;
    return false;
}

/* Inputs that are alike and hold no values give outputs that are alike. */
static status check_shapes(struct plan_step *step, const struct plan *old, bool *fits, struct error *err) {
    struct op_call *call = &step->call;
    if (!reads_known(call))
        return STATUS_OK;
    const status code = op_infer(call, err);
    *fits = code == STATUS_OK;
    for (int i = 0; *fits && i < call->output_count; i++) {
        const struct tensor *was = call->outputs[i] ? &old->values[call->node->outputs[i]].tensor : NULL;
        *fits = !was || (was->dtype == call->outputs[i]->dtype && shape_equal(&was->shape, &call->outputs[i]->shape));
    }
    return code == STATUS_NEEDS_VALUE ? STATUS_OK : code;
}

/* before: the step that is fused with this one; or NULL. */
static status prepare(struct plan_step *step, struct plan_step *before, const struct plan_step *old, bool *fits,
                      struct error *err) {
    struct op_call *call = &step->call;
    size_t workspace_bytes = 0;
    call->threads = old->call.threads;
    if (!call->op->prepare)
        return STATUS_OK;
    step->prepared = true;
    status code = call->op->prepare(call, &workspace_bytes, err);
    if (code == STATUS_OK && before)
        code = op_facts(before->call.op)->fuse(&before->call, call, &workspace_bytes, err);
    *fits = workspace_bytes == old->workspace_bytes && call->own_bytes == old->call.own_bytes;
    return code;
}

/* was: the old plan's step, NULL for a node that was computed while planning. */
static status take_step(struct plan *plan, struct plan_step *step, const struct plan *old, const struct plan_step *was,
                        bool *fits, struct error *err) {
    struct plan_step *before = was && was > old->steps && was[-1].fused ? step - 1 : NULL;
    status code = plan_make_call(plan, step, err);
    if (code != STATUS_OK || step->dynamic)
        return code;
    code = check_shapes(step, old, fits, err);
    if (code != STATUS_OK || !*fits)
        return code;
    return was ? prepare(step, before, was, fits, err) : plan_compute_now(plan, step, err);
}

static status take_nodes(struct plan *plan, const struct plan *old, bool *fits, struct error *err) {
    const struct program *program = plan->program;
    int s = 0;
    for (int i = 0; *fits && i < program->graph->node_count; i++) {
        const bool runs = s < plan->step_count && plan->steps[s].node == i;
        struct plan_step computed = {.node = i, .bound = &program->nodes[i]};
        const status code =
            take_step(plan, runs ? &plan->steps[s] : &computed, old, runs ? &old->steps[s] : NULL, fits, err);
        if (code != STATUS_OK)
            return fail_prefix(err, "%s", program->nodes[i].label);
        s += runs;
    }
    return STATUS_OK;
}

/* Results of steps that are views of what was known before the run. */
static void take_views(struct plan *plan) {
    for (int s = 0; s < plan->step_count; s++) {
        const struct node *node = plan->steps[s].call.node;
        if (node->output_count == 0 || !plan->steps[s].call.outputs[0])
            continue;
        struct plan_value *output = &plan->values[node->outputs[0]];
        if (output->place == PLACE_CONSTANT || output->place == PLACE_KNOWN)
            output->tensor.data = plan->values[node->inputs[0]].tensor.data;
    }
}

static status take_over(struct plan *plan, const struct plan *old, bool *fits, struct error *err) {
    if (copy_layout(plan, old, err) != STATUS_OK)
        return err->code;
    plan_set_constants(plan);
    if (take_nodes(plan, old, fits, err) != STATUS_OK)
        return err->code;
    if (*fits)
        take_views(plan);
    return STATUS_OK;
}

status plan_reuse(const struct plan *old, const struct program *program, struct weight_cache *weights,
                  struct plan **out, struct error *err) {
    struct plan_settings settings = old->settings;
    settings.weights = weights;
    *out = NULL;
    if (!program_alike(old->program, program))
        return STATUS_OK;
    struct plan *plan = plan_new(program, &settings, err);
    if (!plan)
        return err->code;
    bool fits = true;
    const status code = take_over(plan, old, &fits, err);
    if (code != STATUS_OK || !fits) {
        plan_destroy(plan);
        return code;
    }
    weight_cache_settle(weights);
    *out = plan;
    return STATUS_OK;
}
