/* limner_session_run. */
#include "base/fpu.h"
#include "base/thread_team.h"
#include "runtime/plan/plan_run.h"
#include "runtime/program/support.h"
#include "runtime/session/api.h"
#include "runtime/session/request.h"
#include "runtime/session/session_memory.h"
#include "runtime/session/value_given.h"

#include <stdlib.h>
#include <string.h>

/* Which output of the model the caller means; named as the message should name it. */
static status find_output(const struct limner_model *model, const limner_tensor *output, size_t position, int *found,
                          struct error *err) {
    *found = output->name                             ? port_find(model->outputs, model->output_count, output->name)
             : position < (size_t)model->output_count ? (int)position
                                                      : -1;
    if (*found >= 0)
        return STATUS_OK;
    if (!output->name)
        return fail(err, STATUS_INVALID_ARGUMENT, "output %zu has no name, and the model has only %d outputs", position,
                    model->output_count);
    fail(err, STATUS_INVALID_ARGUMENT, "the model has no output \"%.200s\"; its outputs are", output->name);
    for (int i = 0; i < model->output_count && i < 16; i++)
        error_append(err, "%s \"%.100s\"", i ? "," : "", model->outputs[i].value->name);
    return err->code;
}

/* The caller's own memory, and not what an earlier run of the session pointed it to. */
static bool brings_memory(const struct limner_session *session, const limner_tensor *output) {
    return output->data && !session_holds(session, output->data, 1) && !shown_holds(&session->shown, output->data, 1);
}

static status check_room(const limner_tensor *output, size_t bytes, const char *name, struct error *err) {
    if (output->bytes >= bytes)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_ARGUMENT, "output \"%s\" takes %zu bytes, there is room for %zu", name, bytes,
                output->bytes);
}

/* What can be said of the outputs before the run: that they exist, and that there is room, unless their size depends on
 * data. */
static status check_outputs(const struct limner_session *session, const struct plan *plan, const limner_tensor *outputs,
                            size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        int found;
        if (find_output(session->model, &outputs[i], i, &found, err) != STATUS_OK)
            return err->code;
        const struct plan_value *value = &plan->values[plan->outputs[found].value];
        if (value->place != PLACE_DYNAMIC && !dtype_is_boxed(value->tensor.dtype) &&
            brings_memory(session, &outputs[i]) &&
            check_room(&outputs[i], value->tensor.bytes, session->model->outputs[found].value->name, err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

/* Inputs are read where the caller has them, but for misaligned ones and those that lie where this run writes. */
static status place_input(struct limner_session *session, int port, struct error *err) {
    struct tensor tensor;
    const struct port_request *request = &session->request.ports[port];
    if (tensor_describe(&tensor, request->dtype, &request->shape, err) != STATUS_OK)
        return err->code;
    tensor.data = (void *)session->request.data[port];
    if (tensor.bytes == 0)
        session->request.data[port] = plan_nothing();
    else if (!tensor_aligned(&tensor) || session_holds(session, tensor.data, tensor.bytes))
        return session_copy_input(session, port, tensor.bytes, err);
    return STATUS_OK;
}

/* Sequences, optionals and maps are copied. */
static status place_boxed(struct limner_session *session, int port, struct error *err) {
    const struct value *value = session->model->inputs[port].value;
    const status code = given_box(&session->heap, session->request.inputs[port], &value->type,
                                  session->settings.tensor_bytes, &session->given[port], err);
    session->request.data[port] = &session->given[port];
    return code == STATUS_OK ? code : fail_prefix(err, "input \"%s\"", value->name);
}

static status place_inputs(struct limner_session *session, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < session->model->input_count; i++)
        if (session->request.ports[i].given)
            code = (dtype_is_boxed(session->request.ports[i].dtype) ? place_boxed : place_input)(session, i, err);
    return code;
}

/* What a run had that its outputs do not need. */
static void leave(struct limner_session *session) {
    for (int i = 0; i < session->model->input_count; i++) {
        box_drop(session->given[i]);
        session->given[i] = NULL;
    }
    heap_clear(&session->heap);
}

/* Outputs that still point into the session are asked for as those that point nowhere: what is there goes now. */
static void forget_outputs(const struct limner_session *session, limner_tensor *outputs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (!brings_memory(session, &outputs[i]))
            outputs[i].data = NULL;
}

static status bind(struct limner_session *session, struct plan *plan, struct error *err) {
    if (!region_reserve(&session->arena, plan->arena_bytes ? plan->arena_bytes : 1, !session->low_memory))
        return fail(err, STATUS_NO_MEMORY, "out of memory for %zu bytes of activations", plan->arena_bytes);
    region_take(&session->arena, plan->arena_bytes);
    session->touched = plan->arena_bytes > session->touched ? plan->arena_bytes : session->touched;
    if (plan->arena != session->arena.base)
        plan_bind(plan, session->arena.base);
    for (int i = 0; i < plan->port_count; i++)
        if (plan->ports[i].given)
            plan_bind_input(plan, i, session->request.data[i]);
    return STATUS_OK;
}

struct running {
    struct plan *plan;
    status code;
    struct error *err;
};

static void run_plan(void *context) {
    struct running *running = context;
    const unsigned mode = fpu_enter();
    running->code = plan_run(running->plan, running->err);
    fpu_leave(mode);
}

static status execute(struct limner_session *session, struct plan *plan, struct error *err) {
    if (session->current)
        plan_drop_dynamic(session->current);
    session->current = plan;
    if (bind(session, plan, err) != STATUS_OK)
        return err->code;
    if (session->has_run) {
        region_join(&session->arena);
        weight_cache_join(session->model->weights);
    }
    session->has_run = true;
    struct running running = {plan, STATUS_OK, err};
    if (plan->threads > 1)
        team_lead(run_plan, &running);
    else
        run_plan(&running);
    return running.code;
}

static void fill(limner_tensor *output, const limner_tensor *view, const char *name) {
    void *data = output->data;
    *output = *view;
    output->name = name;
    if (!data)
        return;
    if (view->bytes > 0)
        memmove(data, view->data, view->bytes);
    output->data = data;
}

/* What the outputs become; nothing is filled in before all of it fits. */
static status view_outputs(const struct limner_session *session, const struct plan *plan, const limner_tensor *outputs,
                           size_t count, struct shown_values *shown, limner_tensor *views, struct error *err) {
    const struct limner_model *model = session->model;
    for (size_t i = 0; i < count; i++) {
        int found;
        if (find_output(model, &outputs[i], i, &found, err) != STATUS_OK)
            return err->code;
        const struct tensor *result = &plan->outputs[found].tensor;
        const struct value *value = model->outputs[found].value;
        if (support_output_type(value, result->dtype, err) != STATUS_OK ||
            shown_view(shown, result, &views[i], err) != STATUS_OK)
            return err->code;
        views[i].name = value->name;
        if (outputs[i].data && check_room(&outputs[i], views[i].bytes, value->name, err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

#define FEW_OUTPUTS 32

/* What the last run's outputs point to may be this one's input until here. */
static status deliver(struct limner_session *session, const struct plan *plan, limner_tensor *outputs, size_t count,
                      struct error *err) {
    limner_tensor few[FEW_OUTPUTS], *views = count > FEW_OUTPUTS ? calloc(count, sizeof *views) : few;
    struct shown_values shown = {0};
    if (!views)
        return fail_memory(err, "the outputs");
    const status code = view_outputs(session, plan, outputs, count, &shown, views, err);
    for (size_t i = 0; code == STATUS_OK && i < count; i++)
        fill(&outputs[i], &views[i], views[i].name); /* NOLINT(clang-analyzer-core.CallAndMessage): all are written */
    if (views != few)
        free(views);
    shown_drop(code == STATUS_OK ? &session->shown : &shown);
    if (code == STATUS_OK)
        session->shown = shown;
    return code;
}

static status place_and_execute(struct limner_session *session, struct plan *plan, limner_tensor *outputs,
                                size_t output_count, struct error *err) {
    if (place_inputs(session, err) != STATUS_OK)
        return err->code;
    forget_outputs(session, outputs, output_count);
    status code = execute(session, plan, err);
    if (code == STATUS_OK)
        code = deliver(session, plan, outputs, output_count, err);
    session_keep(session, outputs, code == STATUS_OK ? output_count : 0);
    return code;
}

static status run(struct limner_session *session, const limner_tensor *inputs, size_t input_count,
                  limner_tensor *outputs, size_t output_count, struct error *err) {
    struct plan *plan;
    if (request_read(&session->request, session->model, inputs, input_count, true, session->settings.tensor_bytes,
                     err) != STATUS_OK ||
        session_plan(session, &plan, err) != STATUS_OK ||
        check_outputs(session, plan, outputs, output_count, err) != STATUS_OK)
        return err->code;
    const status code = place_and_execute(session, plan, outputs, output_count, err);
    leave(session);
    return code;
}

limner_status limner_session_run(limner_session *session, const limner_tensor *inputs, size_t input_count,
                                 limner_tensor *outputs, size_t output_count, limner_error *error) {
    if (!session || (!inputs && input_count > 0) || (!outputs && output_count > 0))
        return api_refuse(error, "limner_session_run needs a session, inputs and outputs");
    struct error err;
    session_watch(session);
    const status code = run(session, inputs, input_count, outputs, output_count, &err);
    return api_return(error, code, &err);
}

void limner_session_cancel(limner_session *session) {
    if (session)
        atomic_store(&session->watch.cancelled, true);
}
