/* limner compare: how far outputs are from expected ones. */
#include "tools/cli/output.h"
#include "tools/commands/commands.h"
#include "tools/engine/difference.h"
#include "tools/engine/engine.h"
#include "tools/engine/feed.h"
#include "tools/files/element.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

struct compare_settings {
    struct engine_options engine;
    struct feed_request feed;
    struct contract_request wish;
    struct pair_list expected;
    struct tolerance tolerance;
};
static const struct compare_settings defaults = {.feed.max_pixels = PICTURE_MAX_PIXELS, .tolerance = TOLERANCE_DEFAULT};

struct compare_job {
    const struct compare_settings *settings;
    struct engine engine;
    struct model_feed feed;
    limner_tensor *outputs; /* one for each expected file */
    struct file_array *expected;
};

static status read_expected(struct compare_job *job, int i, struct error *err) {
    const struct name_file *pair = &job->settings->expected.items[i];
    limner_value value;
    struct picture_form form;
    status code = engine_find_output(&job->engine, pair->name, &value, err);
    if (!code)
        code = engine_output_form(&job->engine, value.name, (enum dtype)value.type, &form, err);
    if (code)
        return code;
    job->outputs[i].name = value.name;
    const struct picture_place place = {"output", value.name, (enum dtype)value.type, value.rank, value.dims};
    const struct picture_request request = {&place, form, job->settings->feed.max_pixels, DTYPE_UNDEFINED, false};
    return array_read(pair->file, &request, &job->expected[i], err);
}

static void print_failure(const struct tensor *actual, const struct tensor *expected, const struct difference *result) {
    char place[SHAPE_TEXT_BYTES], left[ELEMENT_TEXT_BYTES], right[ELEMENT_TEXT_BYTES];
    say(stdout, "  DIFFERS: %zu of %zu elements are outside the tolerance", result->outside, result->elements);
    if (dtype_size(expected->dtype))
        say(stdout, "; the first is %s: limner %s, expected %s", index_text(&expected->shape, result->first, place),
            element_text(actual, result->first, left), element_text(expected, result->first, right));
    putchar('\n');
}

static void report(struct compare_job *job, int i, bool *good) {
    const struct tensor actual = engine_view(&job->outputs[i]), *expected = &job->expected[i].tensor;
    char text[SHAPE_TEXT_BYTES];
    struct error err = {STATUS_OK, ""};
    say(stdout, "%s  %s %s\n", job->outputs[i].name, dtype_name(expected->dtype), shape_text(&expected->shape, text));
    if (difference_check_kind(&actual, expected, &err)) {
        say(stdout, "  DIFFERS: %s\n", err.message);
        *good = false;
        return;
    }
    const struct difference result = difference_measure(&actual, expected, &job->settings->tolerance);
    const double range = result.high - result.low;
    printf("  largest error %.3g, mean %.3g", result.largest, result.mean);
    if (range > 0)
        printf("; of the range %.6g..%.6g: largest %.3g, mean %.3g", result.low, result.high, result.largest / range,
               result.mean / range);
    putchar('\n');
    if (result.outside)
        print_failure(&actual, expected, &result);
    *good = *good && !result.outside;
}

static status execute(struct compare_job *job, const struct command_call *call, bool *good, struct error *err) {
    struct feed_request request = job->settings->feed;
    request.picture = call->argument_count > 1 ? call->arguments[1] : NULL;
    const int count = job->settings->expected.count;
    progress("loading %s", call->arguments[0]);
    status code = engine_open(&job->engine, call->arguments[0], &job->settings->engine, false, err);
    if (!code)
        code = engine_agree(&job->engine, &job->settings->wish, call->pool, err);
    for (int i = 0; !code && i < count; i++)
        code = read_expected(job, i, err);
    if (!code)
        code = feed_read(&job->engine, &request, &job->feed, err);
    if (code)
        return code;
    progress("running %s", call->arguments[0]);
    code = feed_run(&job->engine, &job->feed, job->outputs, (size_t)count, err);
    if (!code)
        engine_save_cache(job->engine.session);
    progress_clear();
    for (int i = 0; !code && i < count; i++)
        report(job, i, good);
    return code;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    const struct compare_settings *settings = call->settings;
    const size_t count = (size_t)settings->expected.count;
    const struct said *beyond = contract_beyond_plain(&settings->wish.said);
    const struct said *unused = beyond ? beyond : contract_about_holes(&settings->wish.said);
    char text[64];
    if (!count)
        return fail(err, STATUS_USAGE, "--expect NAME=FILE is missing");
    if (unused)
        return fail(err, STATUS_USAGE, "%s is not for comparing: the model is run as it is",
                    contract_speaker(&settings->wish.said, unused, text));
    struct compare_job job = {.settings = settings,
                              .outputs = pool_array(call->pool, count, sizeof *job.outputs),
                              .expected = pool_array(call->pool, count, sizeof *job.expected)};
    if (!job.outputs || !job.expected)
        return fail_memory(err, "the outputs");
    const status code = execute(&job, call, good, err);
    for (size_t i = 0; i < count; i++)
        array_close(&job.expected[i]);
    feed_close(&job.feed);
    engine_close(&job.engine);
    return code;
}

static const char *const arguments[] = {"MODEL", "[PICTURE]", NULL};
static const struct command_option options[] = {
    {"expect", 0, "NAME=FILE", "what the output NAME should be: .npy, .pb (TensorProto), or a picture; once or more",
     set_pairs, offsetof(struct compare_settings, expected)},
    FEED_OPTIONS(struct compare_settings),
    TOLERANCE_OPTIONS(struct compare_settings),
    CONTRACT_OPTIONS(struct compare_settings),
    ENGINE_OPTIONS(struct compare_settings),
    CACHE_OPTIONS(struct compare_settings),
    OPTIONS_END};

const struct command compare_command = {
    .name = "compare",
    .summary = "run a model and measure how far its outputs are from expected ones",
    .arguments = arguments,
    .about = "Runs the model once, as limner run does, and prints each expected output's largest and mean absolute "
             "error, and the same as parts of the expected numbers' range. Exits with 1 when an element type or shape "
             "is not the expected one, or a number is outside the tolerance. Integers and booleans must be equal, "
             "unless --steps allows more; NaN "
             "equals NaN.",
    .examples = "  limner compare generator.onnx --input picture=in.npy --expect repaired=onnxruntime.npy\n"
                "  limner compare edge.onnx broken.png --expect edges=edges.npy --rtol 0 --atol 1e-5\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
