#include "runtime/plan/plan_execution.h"

#include "ops/core/op_facts.h"
#include "runtime/plan/plan_body.h"
#include "runtime/plan/plan_results.h"
#include "runtime/plan/plan_run.h"

#include <string.h>

static bool is_loop(const struct op_mapping *mapping) {
    return mapping->counts || mapping->sliced > 0;
}

/* ---- beginning and end ---- */

static bool allocate(struct execution *e) {
    const struct op_mapping *mapping = e->mapping;
    const size_t ports = (size_t)e->body->port_count + 1;
    e->pool = pool_create();
    if (!e->pool)
        return false;
    e->ports = pool_array(e->pool, ports, sizeof *e->ports);
    e->data = pool_array(e->pool, ports, sizeof *e->data);
    e->latest = pool_array(e->pool, (size_t)mapping->latest + 1, sizeof *e->latest);
    e->slices = pool_array(e->pool, (size_t)mapping->sliced + 1, sizeof *e->slices);
    e->stacks = pool_array(e->pool, (size_t)mapping->stacked + 1, sizeof *e->stacks);
    e->sequences = pool_array(e->pool, (size_t)mapping->stacked + 1, sizeof *e->sequences);
    return e->ports && e->data && e->latest && e->slices && e->stacks && e->sequences;
}

/* Where outputs have their memory already, it serves from the first iteration on. */
static void start_outputs(struct execution *e) {
    const struct op_mapping *mapping = e->mapping;
    const bool fixed = !e->step->dynamic;
    for (int i = 0; i < mapping->carried; i++)
        e->latest[i].tensor = *e->step->call.inputs[mapping->first + i];
    for (int i = 0; i < mapping->latest; i++)
        if (fixed && execution_output(e, i))
            e->latest[i].held =
                (struct held){.data = execution_output(e, i)->data, .bytes = execution_output(e, i)->bytes};
    for (int i = 0; i < mapping->stacked; i++) {
        struct tensor *output = execution_output(e, mapping->latest + i);
        e->stacks[i] = (struct stack){.slicing = mapping->stacks ? mapping->stacks[i] : (struct op_slicing){0},
                                      .total = e->schedule.trips,
                                      .exact = !mapping->counts};
        if (fixed && output)
            e->stacks[i].memory = (struct held){.data = output->data, .bytes = output->bytes};
    }
}

status execution_open(struct execution *e, struct plan *plan, struct plan_step *step, struct error *err) {
    *e = (struct execution){.plan = plan, .step = step, .mapping = &step->control->mapping};
    const status code = op_facts(step->call.op)->control->start(&step->call, &e->schedule, err);
    if (code != STATUS_OK && (code != STATUS_NEEDS_VALUE || e->schedule.body < 0))
        return code;
    e->body = &step->bound->bodies[e->schedule.body];
    e->goes = e->schedule.goes;
    if (!allocate(e))
        return fail_memory(err, "a subgraph");
    start_outputs(e);
    execution_request_captured(e);
    return code;
}

void execution_close(struct execution *e) {
    for (int i = 0; e->latest && i < e->mapping->latest; i++)
        held_free(&e->latest[i].held, e->plan);
    for (int i = 0; e->slices && i < e->mapping->sliced; i++)
        held_free(&e->slices[i], e->plan);
    for (int i = 0; e->stacks && i < e->mapping->stacked; i++)
        held_free(&e->stacks[i].memory, e->plan);
    for (int i = 0; e->sequences && i < e->mapping->stacked; i++)
        box_drop(e->sequences[i]);
    if (e->child)
        plan_drop_dynamic(e->child);
    pool_destroy(e->pool);
}

/* ---- running ---- */

static void bind_ports(struct execution *e) {
    const int count = e->bound == e->child ? e->body->given : e->body->port_count;
    for (int port = 0; port < count; port++)
        if (e->ports[port].given)
            plan_bind_input(e->child, port, e->data[port] ? e->data[port] : plan_nothing());
    e->bound = e->child;
}

static status choose_plan(struct execution *e, struct error *err) {
    struct plan *before = e->child;
    if (e->step->control->fixed) {
        e->child = e->step->control->fixed;
        return STATUS_OK;
    }
    if (before)
        plan_drop_dynamic(before);
    e->child = NULL; /* it may be the one that goes */
    if (plan_body_get(e->plan, e->step, e->schedule.body, e->ports, &e->child, err) != STATUS_OK)
        return err->code;
    if (e->child->runs == 0)
        e->bound = NULL;
    return STATUS_OK;
}

static status count_iteration(const struct execution *e, struct error *err) {
    struct run_watch *watch = e->plan->settings.watch;
    if (!watch || !is_loop(e->mapping) || ++watch->iterations <= watch->most_iterations)
        return STATUS_OK;
    return fail(err, STATUS_LIMIT, "the loops of this run go beyond %llu iterations (limit loop_iterations)",
                (unsigned long long)watch->most_iterations);
}

static status run_iteration(struct execution *e, int64_t number, struct error *err) {
    e->number = number;
    execution_request(e);
    if (plan_check_cancelled(e->plan, err) != STATUS_OK || count_iteration(e, err) != STATUS_OK ||
        execution_give(e, number, err) != STATUS_OK || choose_plan(e, err) != STATUS_OK ||
        plan_body_bind(e->plan, e->step, e->child, err) != STATUS_OK)
        return err->code;
    bind_ports(e);
    return plan_run(e->child, err) == STATUS_OK ? execution_take(e, err) : err->code;
}

static status run_iterations(struct execution *e, struct error *err) {
    for (int64_t i = 0; i < e->schedule.trips && e->goes; i++)
        if (run_iteration(e, i, err) != STATUS_OK)
            return is_loop(e->mapping) ? fail_prefix(err, "iteration %lld", (long long)i)
                                       : fail_prefix(err, "%s", e->body->name);
    return STATUS_OK;
}

static status run_all(struct execution *e, struct error *err) {
    const status code = run_iterations(e, err);
    return code == STATUS_OK ? execution_finish(e, err) : code;
}

status execution_do(struct plan *plan, struct plan_step *step, struct error *err) {
    struct execution e;
    status code = execution_open(&e, plan, step, err);
    if (code == STATUS_NEEDS_VALUE)
        code = fail(err, STATUS_UNSUPPORTED, "what decides over the subgraphs cannot be told");
    if (code == STATUS_OK)
        code = run_all(&e, err);
    execution_close(&e);
    return code;
}
