#include "runtime/plan/plan_make.h"

#include "ops/weights/weight_cache.h"
#include "runtime/plan/plan_fuse.h"
#include "runtime/plan/plan_memory.h"
#include "runtime/plan/plan_shapes.h"

#include <stdlib.h>
#include <string.h>

static status copy_request(struct plan *plan, const struct port_request *ports, int count, struct error *err) {
    plan->ports = pool_array(plan->pool, (size_t)count + 1, sizeof *plan->ports);
    if (!plan->ports)
        return fail_memory(err, "the plan");
    if (count > 0)
        memcpy(plan->ports, ports, (size_t)count * sizeof *ports);
    plan->port_count = count;
    return STATUS_OK;
}

/* Nodes that passes left out because they do nothing must be right for these shapes all the same. */
static status check_unaltered(const struct plan *plan, const int *port_values, struct error *err) {
    struct plan_settings settings = plan->settings;
    if (!plan->program->unaltered)
        return STATUS_OK;
    settings.shapes_only = true;
    settings.tensor_bytes = SIZE_MAX;
    struct plan *check = plan_new(plan->program->unaltered, &settings, err);
    if (!check)
        return err->code;
    status code = copy_request(check, plan->ports, plan->port_count, err);
    if (code == STATUS_OK)
        code = plan_shapes(check, port_values, err);
    plan_destroy(check);
    return code;
}

status plan_create(const struct program *program, const int *port_values, const struct port_request *ports,
                   int port_count, const struct plan_settings *settings, struct plan **out, struct error *err) {
    *out = NULL;
    struct plan *plan = plan_new(program, settings, err);
    if (!plan)
        return err->code;
    status code = copy_request(plan, ports, port_count, err);
    if (code == STATUS_OK)
        code = check_unaltered(plan, port_values, err);
    if (code == STATUS_OK)
        code = plan_shapes(plan, port_values, err);
    if (code == STATUS_OK)
        code = plan_fuse(plan, err);
    if (code == STATUS_OK)
        code = plan_memory(plan, err);
    if (code != STATUS_OK) {
        plan_destroy(plan);
        return code;
    }
    weight_cache_settle(plan->settings.weights);
    *out = plan;
    return STATUS_OK;
}
