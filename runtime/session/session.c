#include "runtime/session/session.h"

#include "base/checked.h"
#include "base/fpu.h"
#include "base/processors.h"
#include "ops/kernels/cpu.h"
#include "runtime/plan/plan_make.h"
#include "runtime/session/api.h"
#include "runtime/session/request.h"
#include "runtime/session/sized.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TENSOR_BYTES ((size_t)64 << 30)
#define DEFAULT_ARENA_BYTES ((size_t)64 << 30)
#define DEFAULT_LOOP_ITERATIONS 10000000

static status read_kernels(limner_cpu cpu, bool exact, const struct kernels **kernels, struct error *err) {
    static const char *const names[] = {"the best one", "portable", "avx2", "avx512"};
    if ((unsigned)cpu > LIMNER_CPU_AVX512)
        return fail(err, STATUS_INVALID_ARGUMENT, "%d is no instruction set", (int)cpu);
    const enum cpu_level level = cpu == LIMNER_CPU_AUTO ? cpu_best() : (enum cpu_level)(cpu - LIMNER_CPU_PORTABLE);
    *kernels = exact ? kernels_exact(level) : kernels_get(level);
    return *kernels ? STATUS_OK
                    : fail(err, STATUS_INVALID_ARGUMENT, "this processor cannot run %s; it can run %s", names[cpu],
                           names[(int)cpu_best() + 1]);
}

/* The caller's decoder, whose answer is not trusted. */
static status decode(void *context, const void *data, size_t bytes, struct image *image, struct error *err) {
    const struct limner_session *session = context;
    limner_image made = {.size = sizeof made};
    limner_error error = {0};
    const limner_status code = session->image_decoder(session->image_context, data, bytes, &made, &error);
    size_t pixels, size;
    if (code != LIMNER_OK)
        return fail(err, code <= LIMNER_CANCELLED ? (status)code : STATUS_INVALID_ARGUMENT, "%.*s",
                    (int)sizeof error.message - 1, error.message);
    if (made.width < 0 || made.height < 0 || !size_mul((size_t)made.width, (size_t)made.height, &pixels) ||
        !size_mul(pixels, 3, &size) || size > session->settings.tensor_bytes || (size > 0 && !made.samples)) {
        free(made.samples);
        return fail(err, STATUS_LIMIT, "the decoder gave a picture of %lld by %lld pixels", (long long)made.width,
                    (long long)made.height);
    }
    *image = (struct image){made.width, made.height, made.samples};
    return STATUS_OK;
}

static void use_decoder(struct limner_session *session, const limner_options *o) {
    session->image_decoder = o->image_decoder;
    session->image_context = o->image_context;
    session->images = (struct image_hook){o->image_decoder ? decode : NULL, session};
}

static status read_options(const limner_options *o, struct limner_session *session, struct error *err) {
    limner_limits limits;
    if (sized_read(o->limits, &limits, sizeof limits, "limner_limits", err) != STATUS_OK)
        return err->code;
    if (o->threads < 0 || o->threads > MOST_THREADS)
        return fail(err, STATUS_INVALID_ARGUMENT, "%d threads, expected 0 to %d", o->threads, MOST_THREADS);
    if (o->plans < 0 || o->plans > 1000000)
        return fail(err, STATUS_INVALID_ARGUMENT, "%d plans to keep, expected 0 to 1000000", o->plans);
    const int processors = processors_available();
    session->capacity = o->plans ? o->plans : DEFAULT_PLANS;
    session->settings =
        (struct plan_settings){.threads = o->threads                  ? o->threads
                                          : processors < MOST_THREADS ? processors
                                                                      : MOST_THREADS,
                               .tensor_bytes = limits.tensor_bytes ? limits.tensor_bytes : DEFAULT_TENSOR_BYTES,
                               .arena_bytes = limits.arena_bytes ? limits.arena_bytes : DEFAULT_ARENA_BYTES,
                               .profile = o->profile != 0,
                               .huge_pages = o->low_memory == 0,
                               .watch = &session->watch,
                               .heap = &session->heap,
                               .images = &session->images};
    use_decoder(session, o);
    session->heap.most = session->settings.arena_bytes;
    session->watch.most_iterations = limits.loop_iterations ? limits.loop_iterations : DEFAULT_LOOP_ITERATIONS;
    session->low_memory = o->low_memory != 0;
    session->keep_bytes = o->keep_bytes;
    return read_kernels(o->cpu, o->exact || o->low_memory, &session->settings.kernels, err);
}

/* A file that cannot be used is no error: what it should hold is made. */
static void use_cache(struct limner_session *session, const struct limner_model *model, const char *path) {
    struct error err;
    if (weight_cache_use_file(model->weights, path, session->settings.threads, &err) != STATUS_OK)
        session->cache_note = strdup(err.message);
}

static status create(struct limner_session *session, struct limner_model *model, const limner_options *options,
                     struct error *err) {
    limner_options known;
    if (sized_read(options, &known, sizeof known, "limner_options", err) != STATUS_OK ||
        read_options(&known, session, err) != STATUS_OK)
        return err->code;
    session->settings.weights = model->weights;
    session->plans = calloc((size_t)session->capacity + 2, sizeof(struct plan *));
    session->copies = calloc((size_t)model->input_count + 1, sizeof *session->copies);
    session->given = calloc((size_t)model->input_count + 1, sizeof *session->given);
    if (!session->plans || !session->copies || !session->given || !request_create(&session->request, model))
        return fail_memory(err, "a session");
    if (known.cache)
        use_cache(session, model, known.cache);
    session->model = model;
    model_hold(model);
    return STATUS_OK;
}

limner_status limner_session_create(limner_model *model, const limner_options *options, limner_session **session,
                                    limner_error *error) {
    if (session)
        *session = NULL;
    if (!model || !session)
        return api_refuse(error, "limner_session_create needs a model and a place for the session");
    struct error err;
    struct limner_session *made = calloc(1, sizeof *made);
    const status code = made ? create(made, model, options, &err) : fail_memory(&err, "a session");
    if (code == STATUS_OK)
        *session = made;
    else
        limner_session_close(made);
    return api_return(error, code, &err);
}

void limner_session_close(limner_session *session) {
    if (!session)
        return;
    for (int i = 0; i < session->plan_count; i++)
        plan_destroy(session->plans[i]);
    for (int i = 0; session->model && i < session->model->input_count; i++)
        free(session->copies[i].data);
    shown_drop(&session->shown);
    heap_clear(&session->heap);
    free(session->given);
    free(session->copies);
    free(session->plans);
    free(session->cache_note);
    request_destroy(&session->request);
    region_release(&session->arena);
    model_release(session->model);
    free(session);
}

status session_make_plan(struct limner_session *session, struct limner_model *model, const struct port_request *ports,
                         bool open, struct plan **out, struct error *err) {
    const struct program *program;
    struct plan_settings settings = session->settings;
    settings.weights = model->weights;
    if (model_program(model, open, &program, err) != STATUS_OK)
        return err->code;
    const unsigned mode = fpu_enter();
    const status code = plan_create(program, model->input_values, ports, model->input_count, &settings, out, err);
    fpu_leave(mode);
    return code;
}

static bool serves(const struct plan *plan, const struct run_request *request) {
    for (int i = 0; i < plan->port_count; i++) {
        const struct port_request *a = &plan->ports[i], *b = &request->ports[i];
        if (a->given != b->given || a->dtype != b->dtype || !shape_equal(&a->shape, &b->shape))
            return false;
    }
    return true;
}

static void move_to_front(struct limner_session *session, int i) {
    struct plan *plan = session->plans[i];
    memmove(&session->plans[1], &session->plans[0], (size_t)i * sizeof plan);
    session->plans[0] = plan;
}

/* Lets the least recently used plans go, but never the newest, nor the one whose outputs the caller may be reading. */
static void evict(struct limner_session *session) {
    for (int i = session->plan_count - 1; i > 0 && session->plan_count > session->capacity; i--) {
        if (session->plans[i] == session->current)
            continue;
        plan_destroy(session->plans[i]);
        memmove(&session->plans[i], &session->plans[i + 1],
                (size_t)(session->plan_count - i - 1) * sizeof session->plans[0]);
        session->plan_count--;
    }
}

status session_plan(struct limner_session *session, struct plan **out, struct error *err) {
    for (int i = 0; i < session->plan_count; i++)
        if (serves(session->plans[i], &session->request)) {
            move_to_front(session, i);
            *out = session->plans[0];
            return STATUS_OK;
        }
    struct plan *plan;
    if (session_make_plan(session, session->model, session->request.ports, session->request.open, &plan, err) !=
        STATUS_OK)
        return err->code;
    session->plans[session->plan_count++] = plan;
    session->plans_made++;
    move_to_front(session, session->plan_count - 1);
    evict(session);
    *out = plan;
    return STATUS_OK;
}

int limner_session_threads(const limner_session *session) {
    return session ? session->settings.threads : 0;
}

const char *limner_session_cpu(const limner_session *session) {
    return session ? session->settings.kernels->name : "";
}

limner_status limner_session_save_cache(limner_session *session, limner_error *error) {
    if (!session)
        return api_refuse(error, "limner_session_save_cache needs a session");
    struct error err;
    return api_return(error, weight_cache_save(session->model->weights, &err), &err);
}

const char *limner_session_cache_note(const limner_session *session) {
    return session && session->cache_note ? session->cache_note : "";
}

const char *limner_session_note(const limner_session *session) {
    return session ? session->request.note : "";
}

static status fill_plan_info(const struct limner_session *session, const struct plan *plan, limner_plan_info *info,
                             struct error *err) {
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): there is a plan when it was made */
    const limner_plan_info known = {.macs = plan->macs,
                                    .arena_bytes = plan->arena_bytes,
                                    .weight_bytes = weight_cache_bytes(session->model->weights),
                                    .steps = (size_t)plan->step_count};
    return sized_write(info, &known, sizeof known)
               ? STATUS_OK
               : fail(err, STATUS_INVALID_ARGUMENT, "limner_plan_info.size is not set");
}

/* What was cancelled before is not this one. */
void session_watch(struct limner_session *session) {
    atomic_store(&session->watch.cancelled, false);
    session->watch.iterations = 0;
    session->heap.most = session->settings.arena_bytes;
}

limner_status limner_session_plan(limner_session *session, const limner_tensor *inputs, size_t input_count,
                                  limner_plan_info *info, limner_error *error) {
    if (!session || !info || (!inputs && input_count > 0))
        return api_refuse(error, "limner_session_plan needs a session, inputs and a place for the answer");
    struct error err;
    struct plan *plan = NULL;
    session_watch(session);
    status code = request_read(&session->request, session->model, inputs, input_count, false,
                               session->settings.tensor_bytes, &err);
    if (code == STATUS_OK)
        code = session_plan(session, &plan, &err);
    if (code == STATUS_OK)
        code = fill_plan_info(session, plan, info, &err);
    return api_return(error, code, &err);
}

static double step_bytes(const struct op_call *call) {
    double bytes = 0;
    for (int i = 0; i < call->input_count; i++)
        bytes += call->inputs[i] ? (double)call->inputs[i]->bytes : 0;
    for (int i = 0; i < call->output_count; i++)
        bytes += call->outputs[i] ? (double)call->outputs[i]->bytes : 0;
    return bytes;
}

limner_status limner_session_profile(const limner_session *session, size_t i, limner_node_profile *profile) {
    const struct plan *plan = session ? session->current : NULL;
    if (!plan || !profile || i >= (size_t)plan->step_count)
        return LIMNER_INVALID_ARGUMENT;
    const struct plan_step *step = &plan->steps[i];
    const struct tensor *output = step->call.output_count > 0 ? step->call.outputs[0] : NULL;
    limner_node_profile known = {.name = step->call.node->name ? step->call.node->name : "",
                                 .op_type = step->bound->op_type,
                                 .fastest = (double)step->fastest / 1e6,
                                 .macs = step->macs,
                                 .bytes = step_bytes(&step->call),
                                 .runs = plan->runs};
    if (plan->runs > 0)
        known.milliseconds = (double)step->nanoseconds / 1e6 / (double)plan->runs;
    if (output) {
        known.rank = output->shape.rank;
        memcpy(known.dims, output->shape.dims, sizeof known.dims);
    }
    return sized_write(profile, &known, sizeof known) ? LIMNER_OK : LIMNER_INVALID_ARGUMENT;
}
