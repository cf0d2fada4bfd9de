#include "runtime/plan/plan.h"

#include "base/memory.h"
#include "ops/weights/weight_cache.h"

#include <stdlib.h>
#include <string.h>

void *plan_nothing(void) {
    static _Alignas(MEMORY_ALIGNMENT) unsigned char nothing[MEMORY_ALIGNMENT];
    return nothing;
}

status plan_check_outputs(const struct plan *plan, const struct op_call *call, struct error *err) {
    for (int i = 0; i < call->output_count; i++) {
        const struct tensor *output = call->outputs[i];
        char text[SHAPE_TEXT_BYTES];
        if (output && output->bytes > plan->settings.tensor_bytes)
            return fail(err, STATUS_LIMIT, "output %d of shape %s takes %zu bytes, the limit for one tensor is %zu", i,
                        shape_text(&output->shape, text), output->bytes, plan->settings.tensor_bytes);
    }
    return STATUS_OK;
}

status plan_check_cancelled(const struct plan *plan, struct error *err) {
    const struct run_watch *watch = plan->settings.watch;
    if (!watch || !atomic_load_explicit(&watch->cancelled, memory_order_relaxed))
        return STATUS_OK;
    return fail(err, STATUS_CANCELLED, "the run was cancelled");
}

size_t plan_bytes_left(const struct plan *plan) {
    return plan->settings.arena_bytes - plan->arena_bytes - plan->dynamic_bytes;
}

status plan_add_bytes(struct plan *plan, size_t bytes, struct error *err) {
    const size_t left = plan_bytes_left(plan), boxed = plan->settings.heap ? plan->settings.heap->bytes : 0;
    if (boxed > left || bytes > left - boxed)
        return fail(err, STATUS_LIMIT, "this run needs more than the limit of %zu bytes for activations",
                    plan->settings.arena_bytes);
    plan->dynamic_bytes += bytes;
    return STATUS_OK;
}

void plan_take_bytes(struct plan *plan, size_t bytes) {
    plan->dynamic_bytes -= bytes;
}

void plan_drop_dynamic(struct plan *plan) {
    for (int i = 0; i < plan->value_count; i++)
        if (plan->values[i].place == PLACE_DYNAMIC) {
            tensor_free(&plan->values[i].tensor);
            plan->values[i].tensor = (struct tensor){0};
        }
    for (int i = 0; plan->outputs && i < plan->output_count; i++) {
        box_drop(plan->outputs[i].held);
        plan->outputs[i].held = NULL;
    }
    plan->dynamic_bytes = 0;
}

static void destroy_controls(struct plan *plan) {
    for (const struct plan_control *control = plan->controls; control; control = control->next)
        for (int b = 0; b < control->body_count; b++)
            for (int i = 0; i < control->bodies[b].count; i++)
                plan_destroy(control->bodies[b].plans[i]);
    region_release(&plan->body_arena);
}

void plan_destroy(struct plan *plan) {
    if (!plan)
        return;
    destroy_controls(plan);
    for (int i = 0; i < plan->step_count; i++)
        if (plan->steps[i].prepared && plan->steps[i].call.op->release)
            plan->steps[i].call.op->release(&plan->steps[i].call);
    plan_drop_dynamic(plan);
    for (int i = 0; i < plan->value_count; i++)
        if (plan->values[i].owned)
            free(plan->values[i].tensor.data);
    pool_destroy(plan->pool);
    free(plan);
}

struct plan *plan_new(const struct program *program, const struct plan_settings *settings, struct error *err) {
    struct plan *plan = calloc(1, sizeof *plan);
    struct pool *pool = pool_create();
    if (!plan || !pool) {
        fail_memory(err, "the plan");
        free(plan);
        pool_destroy(pool);
        return NULL;
    }
    *plan = (struct plan){.pool = pool, .program = program, .settings = *settings, .threads = 1};
    return plan;
}
