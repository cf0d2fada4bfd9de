#include "runtime/plan/plan_run.h"

#include "base/memory.h"
#include "ops/core/op_facts.h"
#include "ops/core/op_infer.h"
#include "ops/evaluate.h"
#include "runtime/plan/plan_control.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *item_data(const struct plan *plan, int item) {
    return item < 0 ? plan_nothing() : plan->arena + plan->items[item].offset;
}

void plan_bind(struct plan *plan, unsigned char *arena) {
    plan->arena = arena;
    for (int i = 0; i < plan->value_count; i++)
        if (plan->values[i].place == PLACE_ARENA)
            plan->values[i].tensor.data = item_data(plan, plan->values[i].item);
    for (int s = 0; s < plan->step_count; s++) {
        struct plan_step *step = &plan->steps[s];
        if (step->workspace >= 0)
            step->call.workspace = item_data(plan, step->workspace);
        if (!step->dynamic) {
            step->call.own = item_data(plan, plan->own);
            step->call.own_stride = plan->own_stride;
        }
    }
}

void plan_bind_input(struct plan *plan, int port, const void *data) {
    for (int i = 0; i < plan->view_count; i++) {
        struct plan_value *value = &plan->values[plan->views[i]];
        if (value->port == port)
            value->tensor.data = (void *)data;
    }
}

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

/* All activations on the heap together stay below the limit, as those in the arena do. */
static status count_dynamic(struct plan *plan, const struct op_call *call, struct error *err) {
    size_t bytes = 0;
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i] && __builtin_add_overflow(bytes, call->outputs[i]->bytes, &bytes))
            bytes = SIZE_MAX;
    return plan_add_bytes(plan, bytes, err);
}

static status run_dynamic(struct plan *plan, struct plan_step *step, struct error *err) {
    struct op_call *call = &step->call;
    status code = op_infer(call, err);
    if (code == STATUS_NEEDS_VALUE)
        return fail(err, STATUS_UNSUPPORTED, "the shape of the result cannot be told");
    if (code == STATUS_OK)
        code = plan_check_outputs(plan, call, err);
    if (code == STATUS_OK)
        code = count_dynamic(plan, call, err);
    if (code == STATUS_OK)
        code = op_compute(call, plan->settings.tensor_bytes, err);
    if (code == STATUS_OK && call->op->macs)
        step->macs = call->op->macs(call);
    return code;
}

static void free_dead(struct plan *plan, const struct plan_step *step) {
    for (int i = step->freed; i >= 0; i = plan->values[i].next_freed) {
        struct tensor *tensor = &plan->values[i].tensor;
        plan->dynamic_bytes -= tensor->bytes;
        tensor_free(tensor); /* its shape stays, for the profile */
    }
}

static void note_time(struct plan_step *step, uint64_t nanoseconds) {
    step->nanoseconds += nanoseconds;
    if (step->fastest == 0 || nanoseconds < step->fastest)
        step->fastest = nanoseconds;
}

/* Two fused steps; each has its part of the time. */
static void run_fused(struct plan *plan, struct plan_step *first, struct plan_step *second) {
    const uint64_t begin = plan->settings.profile ? now() : 0;
    double share;
    op_facts(first->call.op)->run_fused(&first->call, &second->call, &share);
    if (!plan->settings.profile)
        return;
    const uint64_t all = now() - begin, part = (uint64_t)((double)all * share);
    note_time(first, part);
    note_time(second, all - part);
}

static status run_call(struct plan *plan, struct plan_step *step, struct error *err) {
    if (step->control)
        return plan_control_run(plan, step, err);
    return step->dynamic ? run_dynamic(plan, step, err) : step->call.op->run(&step->call, err);
}

static status run_step(struct plan *plan, struct plan_step *step, struct error *err) {
    const uint64_t begin = plan->settings.profile ? now() : 0;
    if (plan->settings.heap)
        plan->settings.heap->most = plan_bytes_left(plan);
    const status code = run_call(plan, step, err);
    if (code != STATUS_OK)
        return fail_prefix(err, "%s", step->bound->label);
    if (plan->settings.profile)
        note_time(step, now() - begin);
    free_dead(plan, step);
    return STATUS_OK;
}

static void set_outputs(struct plan *plan) {
    for (int i = 0; i < plan->output_count; i++) {
        struct plan_output *output = &plan->outputs[i];
        output->tensor = plan->values[output->value].tensor;
        if (output->tensor.bytes == 0) {
            output->tensor.data = plan_nothing();
        } else if (output->item >= 0) {
            output->tensor.data = item_data(plan, output->item);
            tensor_copy(output->tensor.data, &plan->values[output->value].tensor);
            if (dtype_is_boxed(output->tensor.dtype))
                output->held = tensor_box(&output->tensor);
        }
    }
}

status plan_run(struct plan *plan, struct error *err) {
    plan_drop_dynamic(plan);
    for (int s = 0; s < plan->step_count; s++) {
        struct plan_step *step = &plan->steps[s];
        if (plan_check_cancelled(plan, err) != STATUS_OK) {
            plan_drop_dynamic(plan);
            return err->code;
        }
        if (step->fused) {
            run_fused(plan, step, step + 1);
            free_dead(plan, step + 1);
            s++;
        } else if (run_step(plan, step, err) != STATUS_OK) {
            plan_drop_dynamic(plan);
            return err->code;
        }
    }
    set_outputs(plan);
    plan->runs++;
    return STATUS_OK;
}
