#include "runtime/plan/plan_control.h"

#include "ops/core/op_facts.h"
#include "ops/core/op_infer.h"
#include "runtime/plan/plan_batch.h"
#include "runtime/plan/plan_execution.h"

#include <stdlib.h>

/* ---- planning ---- */

static status check_inputs(const struct plan_step *step, struct error *err) {
    const struct op_mapping *mapping = &step->control->mapping;
    for (int i = mapping->first; i < mapping->first + mapping->carried + mapping->sliced; i++)
        if (!op_input(&step->call, i))
            return fail(err, STATUS_INVALID_MODEL, "input %d is missing", i);
    return STATUS_OK;
}

status plan_control_create(struct plan *plan, struct plan_step *step, struct error *err) {
    const struct program_node *bound = step->bound;
    if (bound->body_count == 0)
        return STATUS_OK;
    struct plan_control *control = pool_alloc(plan->pool, sizeof *control);
    struct plan_body *bodies = pool_array(plan->pool, (size_t)bound->body_count, sizeof *bodies);
    if (!control || !bodies)
        return fail_memory(err, "a subgraph");
    *control = (struct plan_control){.bodies = bodies, .body_count = bound->body_count, .next = plan->controls};
    op_facts(bound->op)->control->map(&step->call, &control->mapping);
    step->control = control;
    plan->controls = control;
    return check_inputs(step, err);
}

/* After every iteration the condition holds again: it is constant, or handed on as it came. */
static bool goes_on(const struct plan *child) {
    const struct plan_value *value = execution_result(child, 0);
    if (value->place == PLACE_INPUT && value->port == 1)
        return true;
    return (value->place == PLACE_KNOWN || value->place == PLACE_CONSTANT) && value->tensor.dtype == DTYPE_BOOL &&
           value->tensor.bytes == 1 && value->tensor.data && *(const unsigned char *)value->tensor.data;
}

/* Somebody reads an output that grows with the iterations. */
static bool stacks(const struct execution *e) {
    bool any = false;
    for (int i = 0; i < e->mapping->stacked; i++)
        any |= execution_output(e, e->mapping->latest + i) != NULL;
    return any;
}

/* Whether no output's shape depends on data. known: the schedule is. */
static bool is_fixed(const struct execution *e, const struct plan *child, bool known) {
    const struct op_mapping *mapping = e->mapping;
    for (int i = 0; i < child->output_count; i++)
        if (execution_result(child, i)->place == PLACE_DYNAMIC ||
            dtype_is_boxed(execution_result(child, i)->tensor.dtype))
            return false;
    for (int i = 0; i < mapping->carried; i++) {
        const struct tensor *before = &e->latest[i].tensor,
                            *after = &execution_result(child, mapping->counts + i)->tensor;
        if (before->dtype != after->dtype || dtype_is_boxed(before->dtype) ||
            !shape_equal(&before->shape, &after->shape))
            return false;
    }
    return !stacks(e) || (known && (!mapping->counts || (e->goes && e->schedule.trips < INT64_MAX && goes_on(child))));
}

static status describe_outputs(struct execution *e, const struct plan *child, struct error *err) {
    const struct op_mapping *mapping = e->mapping;
    const int64_t trips = e->schedule.trips < 0 ? 0 : e->schedule.trips;
    for (int i = 0; i < mapping->latest; i++)
        if (execution_output(e, i)) {
            *execution_output(e, i) = execution_result(child, mapping->counts + i)->tensor;
            execution_output(e, i)->data = NULL;
            execution_output(e, i)->constant = execution_output(e, i)->mapped = false;
        }
    for (int i = 0; i < mapping->stacked; i++) {
        const int k = mapping->latest + i;
        e->stacks[i].piece = execution_result(child, mapping->counts + k)->tensor;
        if (execution_output(e, k) && stack_describe(&e->stacks[i], trips, execution_output(e, k), err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

static void fix(const struct execution *e, struct plan *child, bool known) {
    struct plan_control *control = e->step->control;
    control->fixed = child;
    control->macs = child->macs * (known && e->schedule.trips < INT64_MAX ? (double)e->schedule.trips : 1);
    e->step->workspace_bytes = child->arena_bytes;
    if (child->threads > e->plan->threads)
        e->plan->threads = child->threads;
}

status plan_control_infer(struct plan *plan, struct plan_step *step, struct error *err) {
    struct execution e;
    struct plan *child = NULL;
    if (step->control->mapping.batched || step->control->mapping.items)
        return STATUS_NEEDS_VALUE;
    status code = execution_open(&e, plan, step, err);
    const bool known = code == STATUS_OK;
    if (known || (code == STATUS_NEEDS_VALUE && e.body))
        code = execution_plan(&e, &child, err);
    if (code == STATUS_OK)
        code = is_fixed(&e, child, known) ? describe_outputs(&e, child, err) : STATUS_NEEDS_VALUE;
    if (code == STATUS_OK)
        fix(&e, child, known);
    execution_close(&e);
    return code;
}

/* ---- running ---- */

/* Those of inputs that had no type while planning are checked now. */
static status check_types(struct plan_step *step, struct error *err) {
    const status code = op_infer(&step->call, err);
    return code == STATUS_NEEDS_VALUE ? STATUS_OK : code;
}

status plan_control_run(struct plan *plan, struct plan_step *step, struct error *err) {
    const status code = step->dynamic ? check_types(step, err) : STATUS_OK;
    if (code != STATUS_OK)
        return code;
    return step->control->mapping.batched ? plan_batch_run(plan, step, err) : execution_do(plan, step, err);
}

/* ---- running ahead ---- */

static bool varies(const struct program *program) {
    for (int i = 0; i < program->graph->node_count; i++) {
        const struct program_node *node = &program->nodes[i];
        if (op_facts(node->op)->varies)
            return true;
        for (int b = 0; b < node->body_count; b++)
            if (varies(node->bodies[b].program))
                return true;
    }
    return false;
}

/* Behind the node's own inputs stand those that subgraphs read. */
static bool is_known(const struct plan_step *step) {
    for (int i = 0; i < step->call.node->input_count; i++) {
        const struct tensor *input = step->call.inputs[i];
        if (input && ((!input->data && input->bytes > 0) || tensor_elements(input) > KNOWN_ELEMENTS))
            return false;
    }
    for (int b = 0; b < step->bound->body_count; b++)
        if (varies(step->bound->bodies[b].program))
            return false;
    return true;
}

/* Boxes and characters of strings are a run's. */
static bool is_small(const struct op_call *call) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i] && (tensor_elements(call->outputs[i]) > KNOWN_ELEMENTS ||
                                 call->outputs[i]->dtype == DTYPE_STRING || dtype_is_boxed(call->outputs[i]->dtype)))
            return false;
    return true;
}

status plan_control_compute(struct plan *plan, struct plan_step *step, struct error *err) {
    if (!is_known(step))
        return STATUS_NEEDS_VALUE;
    for (int i = 0; i < step->call.output_count; i++)
        if (step->call.outputs[i])
            *step->call.outputs[i] = (struct tensor){0};
    step->dynamic = true;
    status code = plan_control_run(plan, step, err);
    step->dynamic = false;
    if (code == STATUS_OK && !is_small(&step->call))
        code = STATUS_NEEDS_VALUE;
    plan_take_bytes(plan, plan->dynamic_bytes); /* which count in runs */
    for (int i = 0; code != STATUS_OK && i < step->call.output_count; i++)
        if (step->call.outputs[i]) {
            tensor_free(step->call.outputs[i]);
            *step->call.outputs[i] = (struct tensor){0};
        }
    return code == STATUS_OK || code == STATUS_NO_MEMORY || code == STATUS_CANCELLED ? code : STATUS_NEEDS_VALUE;
}
