/* limner bench: how long a run takes. */
#include "tools/cli/output.h"
#include "tools/cli/usage.h"
#include "tools/commands/commands.h"
#include "tools/engine/profile.h"
#include "tools/engine/shapes.h"
#include "tools/files/element.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SEED 0x9e3779b97f4a7c15u

struct bench_settings {
    struct engine_options engine;
    struct shape_list shapes;
    int runs, warmup;
    bool json, profile;
};
static const struct bench_settings defaults = {.runs = 10, .warmup = 1};

struct bench_job {
    const struct bench_settings *settings;
    struct engine engine;
    limner_tensor *inputs, *outputs;
    size_t input_count, output_count;
    void **memory; /* behind the inputs */
    double load_ms, first_ms;
    double *run_ms; /* sorted */
    limner_plan_info plan;
};

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* In [0, 1): xorshift64*, the upper bits. */
static double random_unit(uint64_t *state) {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    return (double)((*state * 0x2545f4914f6cdd1du) >> 40) / (double)(1 << 24);
}

/* Floats are random, everything else is 0. */
static status fill_input(struct bench_job *job, size_t i, uint64_t *state, struct error *err) {
    limner_tensor *input = &job->inputs[i];
    struct tensor tensor = engine_view(input);
    const struct shape shape = tensor.shape;
    const status code = tensor_describe(&tensor, (enum dtype)input->type, &shape, err);
    if (code)
        return fail_prefix(err, "input \"%s\"", input->name);
    if (input->type == LIMNER_STRING)
        return fail(err, STATUS_UNSUPPORTED, "input \"%s\" is text: there is nothing to measure it with", input->name);
    job->memory[i] = calloc(tensor.bytes ? tensor.bytes : 1, 1);
    if (!job->memory[i])
        return fail(err, STATUS_NO_MEMORY, "no memory for input \"%s\" (%zu bytes)", input->name, tensor.bytes);
    input->data = job->memory[i];
    input->bytes = tensor.bytes;
    for (int64_t k = 0; element_is_float(tensor.dtype) && k < tensor_elements(&tensor); k++)
        element_set(tensor.dtype, input->data, (size_t)k, random_unit(state));
    return STATUS_OK;
}

static status prepare(struct bench_job *job, struct pool *pool, struct error *err) {
    job->output_count = limner_model_output_count(job->engine.model);
    const size_t inputs = limner_model_input_count(job->engine.model);
    job->inputs = pool_array(pool, inputs + 1, sizeof *job->inputs);
    job->memory = pool_array(pool, inputs + 1, sizeof *job->memory);
    job->outputs = pool_array(pool, job->output_count + 1, sizeof *job->outputs);
    job->run_ms = pool_array(pool, (size_t)job->settings->runs, sizeof *job->run_ms);
    if (!job->inputs || !job->memory || !job->outputs || !job->run_ms)
        return fail_memory(err, "the inputs");
    char open[OPEN_TEXT_BYTES];
    status code = shapes_resolve(&job->engine, &job->settings->shapes, job->inputs, &job->input_count, open, err);
    if (!code && open[0])
        code = fail(err, STATUS_USAGE, "%s", open);
    uint64_t state = SEED;
    for (size_t i = 0; !code && i < job->input_count; i++)
        code = fill_input(job, i, &state, err);
    return code;
}

static status run_once(struct bench_job *job, double *milliseconds, struct error *err) {
    limner_error problem = {0};
    for (size_t i = 0; i < job->output_count; i++)
        job->outputs[i] = (limner_tensor){.name = engine_output(&job->engine, i).name};
    const double start = now_ms();
    const limner_status code = limner_session_run(job->engine.session, job->inputs, job->input_count, job->outputs,
                                                  job->output_count, &problem);
    *milliseconds = now_ms() - start;
    return engine_status(code, &problem, err);
}

static int ascending(const void *left, const void *right) {
    const double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static status measure(struct bench_job *job, struct error *err) {
    const struct bench_settings *settings = job->settings;
    double unused;
    status code = run_once(job, &job->first_ms, err);
    job->first_ms += job->load_ms;
    for (int i = 0; !code && i < settings->warmup; i++)
        code = run_once(job, &unused, err);
    for (int i = 0; !code && i < settings->runs; i++) {
        progress("run %d of %d", i + 1, settings->runs);
        code = run_once(job, &job->run_ms[i], err);
    }
    progress_clear();
    if (code)
        return code;
    engine_save_cache(job->engine.session);
    qsort(job->run_ms, (size_t)settings->runs, sizeof *job->run_ms, ascending);
    limner_error problem = {0};
    return engine_status(limner_session_plan(job->engine.session, job->inputs, job->input_count, &job->plan, &problem),
                         &problem, err);
}

static double median(const double *sorted, int count) {
    return (sorted[(count - 1) / 2] + sorted[count / 2]) / 2;
}

static void print_json(const struct bench_job *job) {
    struct json json = {stdout, false};
    json_object(&json, NULL);
    json_text(&json, "model", job->engine.path);
    json_shapes(&json, "shape", job->inputs, job->input_count);
    json_integer(&json, "threads", limner_session_threads(job->engine.session));
    json_text(&json, "cpu", limner_session_cpu(job->engine.session));
    json_number(&json, "load_ms", job->load_ms, 3);
    json_number(&json, "first_ms", job->first_ms, 3);
    json_number(&json, "median_ms", median(job->run_ms, job->settings->runs), 3);
    json_number(&json, "min_ms", job->run_ms[0], 3);
    json_integer(&json, "runs", job->settings->runs);
    json_number(&json, "macs", job->plan.macs, 0);
    json_number(&json, "peak_rss_mb", peak_rss_mb(), 1);
    if (job->settings->profile)
        json_profile(&json, "nodes", &job->engine);
    json_close(&json, '}');
    putchar('\n');
}

static void print_people(const struct bench_job *job) {
    const double middle = median(job->run_ms, job->settings->runs);
    say(stdout, "%s  %d threads, %s\n", job->engine.path, limner_session_threads(job->engine.session),
        limner_session_cpu(job->engine.session));
    for (size_t i = 0; i < job->input_count; i++) {
        const struct tensor input = engine_view(&job->inputs[i]);
        char text[SHAPE_TEXT_BYTES];
        say(stdout, "  input %s %s %s\n", job->inputs[i].name, dtype_name(input.dtype), shape_text(&input.shape, text));
    }
    printf("  load       %10.2f ms\n", job->load_ms);
    printf("  first      %10.2f ms  (load, plan and first run)\n", job->first_ms);
    printf("  median     %10.2f ms  of %d runs", middle, job->settings->runs);
    if (job->plan.macs > 0 && middle > 0)
        printf(", %.1f GFLOP/s", 2 * job->plan.macs / middle / 1e6);
    printf("\n  fastest    %10.2f ms\n", job->run_ms[0]);
    printf("  peak memory %9.1f MB\n", peak_rss_mb());
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    (void)good;
    struct bench_job job = {.settings = call->settings, .plan = LIMNER_PLAN_INFO_INIT};
    const double start = now_ms();
    progress("loading %s", call->arguments[0]);
    status code = engine_open(&job.engine, call->arguments[0], &job.settings->engine, job.settings->profile, err);
    job.load_ms = now_ms() - start;
    if (!code)
        code = prepare(&job, call->pool, err);
    if (!code)
        code = measure(&job, err);
    if (!code && job.settings->json)
        print_json(&job);
    else if (!code)
        print_people(&job);
    if (!code && job.settings->profile && !job.settings->json)
        code = print_profile(&job.engine, err);
    for (size_t i = 0; job.memory && i < job.input_count; i++)
        free(job.memory[i]);
    engine_close(&job.engine);
    return code;
}

static const char *const arguments[] = {"MODEL", NULL};
static const struct command_option options[] = {
    {"shape", 0, "NAME=1x3x256x256",
     "the size of the input NAME; without NAME=, of the first input that is not named; may be given for several inputs",
     set_shapes, offsetof(struct bench_settings, shapes)},
    {"runs", 0, "N", "how many runs to measure (default: 10)", set_positive, offsetof(struct bench_settings, runs)},
    {"warmup", 0, "N", "runs between the first one and the measured ones (default: 1)", set_count,
     offsetof(struct bench_settings, warmup)},
    {"profile", 0, NULL, "print how long each node took too", set_flag, offsetof(struct bench_settings, profile)},
    {"json", 0, NULL, "print one JSON object on one line", set_flag, offsetof(struct bench_settings, json)},
    ENGINE_OPTIONS(struct bench_settings),
    CACHE_OPTIONS(struct bench_settings),
    OPTIONS_END};

const struct command bench_command = {
    .name = "bench",
    .summary = "measure how long a model takes and how much memory",
    .arguments = arguments,
    .about =
        "Runs the model on random inputs, always the same ones: floats in [0, 1), everything else 0. Free sizes must "
        "be given with --shape; a free first size (the batch) is taken as 1. JSON has load_ms, first_ms (load, plan "
        "and first run), median_ms and min_ms of the measured runs, and peak_rss_mb, the most memory that the "
        "process held. With --profile it has nodes, each with mean_ms and min_ms of all runs, multiply-accumulates and "
        "the "
        "bytes of the tensors that it reads and writes.",
    .examples = "  limner bench generator.onnx --shape 1x3x256x256 --threads 8\n"
                "  limner bench inpaint.onnx --shape rgb_edge=1x4x256x256 --runs 30 --json\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
