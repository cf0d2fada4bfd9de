/* limner_session_swap: another model in the place of the present one, all or nothing. */
#include "base/fpu.h"
#include "runtime/plan/plan_reuse.h"
#include "runtime/session/api.h"
#include "runtime/session/request.h"
#include "runtime/session/session.h"

#include <stdlib.h>
#include <string.h>

/* All that a session holds for its model. */
struct holdings {
    struct plan **plans;
    int plan_count;
    size_t made, reused;
    struct run_request request;
    struct input_copy *copies;
    struct box **given;
    size_t arena_bytes; /* the largest plan's */
};

static status check_ports(const struct model_port *old, int old_count, const struct model_port *new, int new_count,
                          const char *what, struct error *err) {
    for (int i = 0; i < new_count; i++)
        if (port_find(old, old_count, new[i].value->name) < 0)
            return fail(err, STATUS_INVALID_ARGUMENT, "the new model has an %s \"%s\" that the present one has not",
                        what, new[i].value->name);
    for (int i = 0; i < old_count; i++) {
        const int found = port_find(new, new_count, old[i].value->name);
        if (found < 0)
            return fail(err, STATUS_INVALID_ARGUMENT, "the new model has no %s \"%s\"", what, old[i].value->name);
        if (old[i].dtype != new[found].dtype)
            return fail(err, STATUS_INVALID_ARGUMENT,
                        "%s \"%s\" has element type %s in the new model, %s in the present one", what,
                        old[i].value->name, dtype_name(new[found].dtype), dtype_name(old[i].dtype));
    }
    return STATUS_OK;
}

/* Inputs with default values may differ: no run needs them. */
static status check_models(const struct limner_model *old, const struct limner_model *new, struct error *err) {
    const status code = check_ports(old->inputs, old->required_count, new->inputs, new->required_count, "input", err);
    return code == STATUS_OK
               ? check_ports(old->outputs, old->output_count, new->outputs, new->output_count, "output", err)
               : code;
}

/* The plan's input shapes, in the new model's order; false when it was given an input that the new model does not have.
 */
static bool translate(const struct limner_model *old, const struct plan *plan, const struct limner_model *new,
                      struct run_request *request) {
    request->open = false;
    for (int i = 0; i < new->input_count; i++)
        request->ports[i] = (struct port_request){0};
    for (int i = 0; i < plan->port_count; i++) {
        if (!plan->ports[i].given)
            continue;
        const int found = port_find(new->inputs, new->input_count, old->inputs[i].value->name);
        if (found < 0 || new->inputs[found].dtype != old->inputs[i].dtype)
            return false;
        request->ports[found] = plan->ports[i];
        request->open |= new->inputs[found].optional;
    }
    return true;
}

/* The shapes must be among those that the new model declares. */
static status check_shapes(const struct limner_model *model, const struct run_request *request, struct error *err) {
    for (int i = 0; i < model->input_count; i++)
        if (request->ports[i].given &&
            request_check_shape(&model->inputs[i], &request->ports[i].shape, err) != STATUS_OK)
            return fail_prefix(err, "the session has planned for a size that the new model does not take: input \"%s\"",
                               model->inputs[i].value->name);
    return STATUS_OK;
}

/* Inputs stand at the same places, so that a plan knows them by the same numbers. */
static bool inputs_alike(const struct limner_model *a, const struct limner_model *b) {
    for (int i = 0; i < a->input_count && a->input_count == b->input_count; i++)
        if (a->inputs[i].index != b->inputs[i].index || strcmp(a->inputs[i].value->name, b->inputs[i].value->name) != 0)
            return false;
    return a->input_count == b->input_count;
}

/* The old model's plan made over to the new one; *out is NULL when it does not fit. */
static status reuse_plan(struct limner_session *session, struct limner_model *model, const struct plan *plan, bool open,
                         struct plan **out, struct error *err) {
    const struct program *program;
    *out = NULL;
    if (!inputs_alike(session->model, model))
        return STATUS_OK;
    if (model_program(model, open, &program, err) != STATUS_OK)
        return err->code;
    if (program->unaltered) /* its shapes are to be checked */
        return STATUS_OK;
    const unsigned mode = fpu_enter();
    const status code = plan_reuse(plan, program, model->weights, out, err);
    fpu_leave(mode);
    return code;
}

static status make_plan(struct limner_session *session, struct limner_model *model, const struct plan *old,
                        struct holdings *made, struct plan **out, struct error *err) {
    const status code = reuse_plan(session, model, old, made->request.open, out, err);
    if (code != STATUS_OK || *out) {
        made->reused += *out != NULL;
        return code;
    }
    made->made++;
    return session_make_plan(session, model, made->request.ports, made->request.open, out, err);
}

static status make_plans(struct limner_session *session, struct limner_model *model, struct holdings *made,
                         struct error *err) {
    for (int i = 0; i < session->plan_count; i++) {
        if (!translate(session->model, session->plans[i], model, &made->request))
            continue;
        struct plan *plan;
        if (check_shapes(model, &made->request, err) != STATUS_OK)
            return err->code;
        if (make_plan(session, model, session->plans[i], made, &plan, err) != STATUS_OK)
            return err->code;
        made->plans[made->plan_count++] = plan;
        if (plan->arena_bytes > made->arena_bytes)
            made->arena_bytes = plan->arena_bytes;
    }
    return STATUS_OK;
}

static status make(struct limner_session *session, struct limner_model *model, struct holdings *made,
                   struct error *err) {
    made->plans = calloc((size_t)session->capacity + 2, sizeof(struct plan *));
    made->copies = calloc((size_t)model->input_count + 1, sizeof *made->copies);
    made->given = calloc((size_t)model->input_count + 1, sizeof(struct box *));
    if (!made->plans || !made->copies || !made->given || !request_create(&made->request, model))
        return fail_memory(err, "the new model's plans");
    if (make_plans(session, model, made, err) != STATUS_OK)
        return err->code;
    if (!region_reserve(&session->arena, made->arena_bytes, !session->low_memory))
        return fail(err, STATUS_NO_MEMORY, "out of memory for %zu bytes of activations", made->arena_bytes);
    return STATUS_OK;
}

static void dispose(struct holdings *holdings, int input_count) {
    for (int i = 0; i < holdings->plan_count; i++)
        plan_destroy(holdings->plans[i]);
    for (int i = 0; holdings->copies && i < input_count; i++)
        free(holdings->copies[i].data);
    free(holdings->plans);
    free(holdings->copies);
    free(holdings->given);
    request_destroy(&holdings->request);
}

static void exchange(struct limner_session *session, struct limner_model *model, const struct holdings *made) {
    struct holdings old = {.plans = session->plans,
                           .plan_count = session->plan_count,
                           .request = session->request,
                           .copies = session->copies,
                           .given = session->given};
    struct limner_model *old_model = session->model;
    session->plans = made->plans;
    session->plan_count = made->plan_count;
    session->plans_made += made->made;
    session->plans_reused += made->reused;
    session->request = made->request;
    session->copies = made->copies;
    session->given = made->given;
    shown_drop(&session->shown);
    session->current = NULL;
    session->model = model;
    session->settings.weights = model->weights;
    model_hold(model);
    dispose(&old, old_model->input_count);
    model_release(old_model);
}

limner_status limner_session_swap(limner_session *session, limner_model *model, limner_error *error) {
    if (!session || !model)
        return api_refuse(error, "limner_session_swap needs a session and a model");
    struct error err;
    struct holdings made = {0};
    session_watch(session);
    status code = check_models(session->model, model, &err);
    if (code == STATUS_OK)
        code = make(session, model, &made, &err);
    if (code == STATUS_OK)
        exchange(session, model, &made);
    else
        dispose(&made, model->input_count);
    return api_return(error, code, &err);
}
