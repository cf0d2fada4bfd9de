/* limner_session_run. */
#include "base/fpu.h"
#include "base/thread_team.h"
#include "runtime/plan/plan_run.h"
#include "runtime/session/api.h"
#include "runtime/session/request.h"
#include "runtime/session/session.h"

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
static bool brings_memory(const struct region *arena, const limner_tensor *output) {
    return output->data && !region_holds(arena, output->data);
}

/* Whether an output of the last run lies there on the heap: what the run before pointed to is no memory of the
 * caller's. */
static bool is_last_output(const struct plan *plan, const void *data) {
    for (int i = 0; plan && i < plan->output_count; i++) {
        const struct plan_value *value = &plan->values[plan->outputs[i].value];
        if (value->place == PLACE_DYNAMIC && value->tensor.data == data)
            return true;
    }
    return false;
}

static void forget_last_outputs(const struct limner_session *session, limner_tensor *outputs, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (outputs[i].data && is_last_output(session->current, outputs[i].data))
            outputs[i].data = NULL;
}

static status check_room(const limner_tensor *output, const struct tensor *result, const char *name,
                         struct error *err) {
    if (output->bytes >= result->bytes)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_ARGUMENT, "output \"%s\" takes %zu bytes, there is room for %zu", name,
                result->bytes, output->bytes);
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
        if (value->place != PLACE_DYNAMIC && brings_memory(&session->arena, &outputs[i]) &&
            check_room(&outputs[i], &value->tensor, session->model->outputs[found].value->name, err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

/* Misaligned data are copied; the copy's memory serves the next run, too. */
static status bind_input(struct limner_session *session, struct plan *plan, int port, struct error *err) {
    struct tensor tensor;
    const struct port_request *request = &session->request.ports[port];
    if (tensor_describe(&tensor, request->dtype, &request->shape, err) != STATUS_OK)
        return err->code;
    tensor.data = (void *)session->request.data[port];
    if (tensor.bytes == 0) {
        plan_bind_input(plan, port, plan_nothing());
        return STATUS_OK;
    }
    if (tensor_aligned(&tensor)) {
        plan_bind_input(plan, port, tensor.data);
        return STATUS_OK;
    }
    struct input_copy *copy = &session->copies[port];
    if (copy->bytes < tensor.bytes) {
        free(copy->data);
        copy->data = memory_alloc(tensor.bytes);
        copy->bytes = copy->data ? tensor.bytes : 0;
        if (!copy->data)
            return fail_memory(err, "an input");
    }
    memcpy(copy->data, tensor.data, tensor.bytes);
    plan_bind_input(plan, port, copy->data);
    return STATUS_OK;
}

static status bind(struct limner_session *session, struct plan *plan, struct error *err) {
    if (!region_reserve(&session->arena, plan->arena_bytes ? plan->arena_bytes : 1, !session->low_memory))
        return fail(err, STATUS_NO_MEMORY, "out of memory for %zu bytes of activations", plan->arena_bytes);
    region_take(&session->arena, plan->arena_bytes);
    if (plan->arena != session->arena.base)
        plan_bind(plan, session->arena.base);
    for (int i = 0; i < plan->port_count; i++)
        if (plan->ports[i].given && bind_input(session, plan, i, err) != STATUS_OK)
            return err->code;
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

static void fill(limner_tensor *output, const struct tensor *result, const char *name, bool copied) {
    output->name = name;
    output->type = (limner_type)result->dtype;
    output->rank = result->shape.rank;
    memcpy(output->dims, result->shape.dims, sizeof output->dims);
    output->bytes = result->bytes;
    if (!copied)
        output->data = result->data;
    else if (result->bytes > 0)
        memmove(output->data, result->data, result->bytes);
}

/* before: the arena before the run, which may have moved it. */
static status deliver(struct limner_session *session, const struct plan *plan, limner_tensor *outputs, size_t count,
                      const struct region *before, struct error *err) {
    const struct limner_model *model = session->model;
    for (int fills = 0; fills < 2; fills++) /* nothing is filled in before all of it fits */
        for (size_t i = 0; i < count; i++) {
            int found;
            if (find_output(model, &outputs[i], i, &found, err) != STATUS_OK)
                return err->code;
            const struct tensor *result = &plan->outputs[found].tensor;
            const char *name = model->outputs[found].value->name;
            const bool copied = brings_memory(before, &outputs[i]);
            if (fills)
                fill(&outputs[i], result, name, copied);
            else if (copied && check_room(&outputs[i], result, name, err) != STATUS_OK)
                return err->code;
        }
    return STATUS_OK;
}

static status run(struct limner_session *session, const limner_tensor *inputs, size_t input_count,
                  limner_tensor *outputs, size_t output_count, struct error *err) {
    struct plan *plan;
    const struct region before = session->arena;
    forget_last_outputs(session, outputs, output_count);
    if (request_read(&session->request, session->model, inputs, input_count, true, session->settings.tensor_bytes,
                     err) != STATUS_OK ||
        session_plan(session, &plan, err) != STATUS_OK ||
        check_outputs(session, plan, outputs, output_count, err) != STATUS_OK ||
        execute(session, plan, err) != STATUS_OK)
        return err->code;
    return deliver(session, plan, outputs, output_count, &before, err);
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
