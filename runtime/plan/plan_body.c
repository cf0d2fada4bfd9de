#include "runtime/plan/plan_body.h"

#include "runtime/plan/plan_make.h"
#include "runtime/plan/plan_run.h"

#include <string.h>

static bool serves(const struct plan *child, const struct port_request *ports) {
    for (int i = 0; i < child->port_count; i++)
        if (child->ports[i].given != ports[i].given || child->ports[i].dtype != ports[i].dtype ||
            !shape_equal(&child->ports[i].shape, &ports[i].shape))
            return false;
    return true;
}

static void move_to_front(struct plan_body *cache, int i) {
    struct plan *plan = cache->plans[i];
    memmove(&cache->plans[1], &cache->plans[0], (size_t)i * sizeof plan);
    cache->plans[0] = plan;
}

static void keep(struct plan_body *cache, struct plan *plan) {
    if (cache->count == BODY_PLANS)
        plan_destroy(cache->plans[--cache->count]);
    cache->plans[cache->count] = plan;
    move_to_front(cache, cache->count++);
}

/* What subgraphs declare of their inputs holds, as it does for a model's. What is no optional stands for one that has
 * it. */
static status check_types(const struct program_body *body, const struct port_request *ports, struct error *err) {
    for (int i = 0; i < body->given; i++) {
        const struct value *value = &body->program->graph->values[body->port_values[i]];
        if (value->type.dtype != DTYPE_UNDEFINED && value->type.dtype != DTYPE_OPTIONAL &&
            ports[i].dtype != value->type.dtype)
            return fail(err, STATUS_INVALID_MODEL, "input %d (%s) has element type %s, expected %s", i, value->name,
                        dtype_name(ports[i].dtype), dtype_name(value->type.dtype));
    }
    return STATUS_OK;
}

static status make(const struct plan *plan, const struct program_body *body, const struct port_request *ports,
                   struct plan **child, struct error *err) {
    struct plan_settings settings = plan->settings;
    settings.profile = false;
    settings.arena_bytes = plan_bytes_left(plan);
    const status code = check_types(body, ports, err);
    return code == STATUS_OK
               ? plan_create(body->program, body->port_values, ports, body->port_count, &settings, child, err)
               : code;
}

status plan_body_get(struct plan *plan, struct plan_step *step, int body, const struct port_request *ports,
                     struct plan **child, struct error *err) {
    struct plan_body *cache = &step->control->bodies[body];
    for (int i = 0; i < cache->count; i++)
        if (serves(cache->plans[i], ports)) {
            move_to_front(cache, i);
            *child = cache->plans[0];
            return STATUS_OK;
        }
    const status code = make(plan, &step->bound->bodies[body], ports, child, err);
    if (code == STATUS_OK)
        keep(cache, *child);
    return code;
}

status plan_body_bind(struct plan *plan, const struct plan_step *step, struct plan *child, struct error *err) {
    const bool fixed = child == step->control->fixed;
    const size_t left = plan_bytes_left(plan), bytes = child->arena_bytes ? child->arena_bytes : 1;
    unsigned char *arena = child->arena_bytes && fixed ? step->call.workspace : plan_nothing();
    if (!fixed && child->arena_bytes > left)
        return fail(err, STATUS_LIMIT, "this run needs more than the limit of %zu bytes for activations",
                    plan->settings.arena_bytes);
    if (!fixed && child->arena_bytes > 0) {
        if (!region_reserve(&plan->body_arena, bytes, plan->settings.huge_pages))
            return fail(err, STATUS_NO_MEMORY, "out of memory for %zu bytes of activations", bytes);
        region_take(&plan->body_arena, bytes);
        arena = plan->body_arena.base;
    }
    child->settings.arena_bytes = fixed ? left + child->arena_bytes : left;
    if (child->arena != arena)
        plan_bind(child, arena);
    return STATUS_OK;
}
