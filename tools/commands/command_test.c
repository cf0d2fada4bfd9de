/* limner test: ONNX's test folders. */
#include "onnx/load/load.h"
#include "onnx/model.h"
#include "tools/cli/output.h"
#include "tools/commands/commands.h"
#include "tools/engine/compare_value.h"
#include "tools/engine/engine.h"
#include "tools/engine/suite.h"
#include "tools/engine/values.h"
#include "tools/files/element.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct test_settings {
    struct engine_options engine;
    struct tolerance tolerance;
    const char *filter;
    bool verbose;
};
static const struct test_settings defaults = {.tolerance = TOLERANCE_DEFAULT};

enum verdict { PASSED, FAILED, SKIPPED, VERDICTS };

/* One test folder at work. */
struct test_job {
    const struct test_settings *settings;
    struct pool *pool; /* for this folder */
    const char *folder, *set;
    struct engine engine;
    double worst; /* the largest error of its floats, as a part of the largest number of their tensor */
};

/* The tensors of one side of a data set. */
struct data_side {
    struct file_array *arrays;
    limner_tensor *tensors;
    size_t count;
};

/* ---- failures ---- */

static void print_repeat(const struct test_job *job) {
    const struct test_settings *settings = job->settings;
    char command[8192] = "limner test", word[128], number[ELEMENT_TEXT_BYTES];
    if (settings->tolerance.relative != defaults.tolerance.relative) {
        snprintf(word, sizeof word, "--rtol=%s", number_text(settings->tolerance.relative, false, number));
        append_shell_word(command, sizeof command, word);
    }
    if (settings->tolerance.absolute != defaults.tolerance.absolute) {
        snprintf(word, sizeof word, "--atol=%s", number_text(settings->tolerance.absolute, false, number));
        append_shell_word(command, sizeof command, word);
    }
    if (settings->tolerance.steps) {
        snprintf(word, sizeof word, "--steps=%d", settings->tolerance.steps);
        append_shell_word(command, sizeof command, word);
    }
    if (settings->engine.threads) {
        snprintf(word, sizeof word, "--threads=%d", settings->engine.threads);
        append_shell_word(command, sizeof command, word);
    }
    if (settings->engine.cpu) {
        snprintf(word, sizeof word, "--cpu=%s", engine_cpu_option(&settings->engine));
        append_shell_word(command, sizeof command, word);
    }
    append_shell_word(command, sizeof command, job->folder);
    say(stdout, "  repeat: %s\n", command);
}

/* The message without what the line begins with anyway. */
static const char *without_folder(const struct test_job *job, const char *message) {
    const size_t length = strlen(job->folder);
    return strncmp(message, job->folder, length) == 0 && message[length] == '/' ? message + length + 1 : message;
}

static enum verdict report_failure(const struct test_job *job, const struct error *err) {
    progress_clear();
    say(stdout, "FAIL %s%s%s: %s\n", job->folder, job->set ? "/" : "", job->set ? job->set : "",
        without_folder(job, err->message));
    print_repeat(job);
    return FAILED;
}

/* ---- one data set ---- */

static const char *file_name(const struct test_job *job, const char *kind, size_t i) {
    return pool_format(job->pool, "%s/%s/%s_%zu.pb", job->folder, job->set, kind, i);
}

/* The kind of value that the model declares at that place. */
static enum dtype kind_at(const struct test_job *job, bool input, size_t i) {
    const limner_model *model = job->engine.model;
    const size_t known = input ? limner_model_input_count(model) : limner_model_output_count(model);
    return i < known ? value_kind((input ? engine_input : engine_output)(&job->engine, i).type) : DTYPE_UNDEFINED;
}

static status read_side(const struct test_job *job, const char *kind, struct data_side *side, struct error *err) {
    const bool input = kind[0] == 'i';
    size_t count = 0;
    for (;; count++) {
        const char *path = file_name(job, kind, count);
        if (!path)
            return fail_memory(err, "a data set");
        if (access(path, F_OK))
            break;
    }
    side->arrays = pool_array(job->pool, count + 1, sizeof *side->arrays);
    side->tensors = pool_array(job->pool, count + 1, sizeof *side->tensors);
    if (!side->arrays || !side->tensors)
        return fail_memory(err, "a data set");
    for (; side->count < count; side->count++) {
        const char *path = file_name(job, kind, side->count);
        const struct picture_request request = {.kind = kind_at(job, input, side->count)};
        const status code =
            path ? array_read(path, &request, &side->arrays[side->count], err) : fail_memory(err, "a data set");
        if (code) {
            array_close(&side->arrays[side->count]);
            return code;
        }
    }
    return STATUS_OK;
}

static void close_side(struct data_side *side) {
    for (size_t i = 0; i < side->count; i++)
        array_close(&side->arrays[i]);
}

/* The model's name for the i-th tensor: what the tensor calls itself when the model knows that, else by position. */
static status name_tensors(const struct test_job *job, struct data_side *side, bool input, struct error *err) {
    const limner_model *model = job->engine.model;
    const size_t known = input ? limner_model_input_count(model) : limner_model_output_count(model);
    for (size_t i = 0; i < side->count; i++) {
        const char *name = i < known ? (input ? engine_input : engine_output)(&job->engine, i).name : NULL;
        limner_value value = {0};
        struct error unknown = {STATUS_OK, ""};
        const status found =
            (input ? engine_find_input : engine_find_output)(&job->engine, side->arrays[i].name, &value, &unknown);
        side->tensors[i].name = found ? name : value.name;
        if (!side->tensors[i].name)
            return fail(err, STATUS_INVALID_ARGUMENT, "the model has no %s number %zu, as the data set has",
                        input ? "input" : "output", i);
    }
    return STATUS_OK;
}

static status fill_tensors(struct data_side *side, struct error *err) {
    for (size_t i = 0; i < side->count; i++) {
        const char *name = side->tensors[i].name;
        if (value_tensor(&side->arrays[i], &side->tensors[i], err) != STATUS_OK)
            return err->code;
        side->tensors[i].name = name;
    }
    return STATUS_OK;
}

static status compare_output(struct test_job *job, const limner_tensor *output, const struct file_array *expected,
                             size_t i, struct error *err) {
    limner_tensor wanted;
    status code = value_tensor(expected, &wanted, err);
    if (code == STATUS_OK)
        code = compare_value(output, &wanted, &job->settings->tolerance, &job->worst, err);
    return code == STATUS_OK ? code : fail_prefix(err, "output %zu \"%s\"", i, output->name);
}

static status run_sides(struct test_job *job, struct data_side *inputs, struct data_side *outputs, struct error *err) {
    status code = read_side(job, "input", inputs, err);
    if (!code)
        code = read_side(job, "output", outputs, err);
    if (!code && !outputs->count)
        code = fail(err, STATUS_IO, "the data set has no output_0.pb");
    if (!code)
        code = name_tensors(job, inputs, true, err);
    if (!code)
        code = name_tensors(job, outputs, false, err);
    if (code)
        return code;
    if (fill_tensors(inputs, err) != STATUS_OK)
        return err->code;
    limner_error problem = {0};
    code = engine_status(limner_session_run(job->engine.session, inputs->tensors, inputs->count, outputs->tensors,
                                            outputs->count, &problem),
                         &problem, err);
    for (size_t i = 0; !code && i < outputs->count; i++)
        code = compare_output(job, &outputs->tensors[i], &outputs->arrays[i], i, err);
    return code;
}

static enum verdict run_set(struct test_job *job, const char *set) {
    struct data_side inputs = {NULL, NULL, 0}, outputs = {NULL, NULL, 0};
    struct error err = {STATUS_OK, ""};
    job->set = set;
    const status code = run_sides(job, &inputs, &outputs, &err);
    close_side(&inputs);
    close_side(&outputs);
    return code ? report_failure(job, &err) : PASSED;
}

/* ---- one folder ---- */

static const char *other_type(const struct graph *graph, const int *values, int count) {
    for (int i = 0; i < count; i++)
        if (graph->values[values[i]].type.other && !dtype_is_boxed(graph->values[values[i]].type.dtype))
            return graph->values[values[i]].type.other;
    return NULL;
}

/* "sparse tensor" when an input or output of the model is one, and so on; NULL where a run can be given all. */
static const char *needs_other_type(const char *path) {
    struct onnx_model *model = NULL;
    struct error err;
    if (onnx_load(path, NULL, &model, &err))
        return NULL;
    const struct graph *graph = model->graph;
    const char *other = other_type(graph, graph->inputs, graph->input_count);
    if (!other)
        other = other_type(graph, graph->outputs, graph->output_count);
    other = other ? (strcmp(other, "sparse tensor") == 0 ? "sparse tensor" : "value that limner does not know") : NULL;
    onnx_close(model);
    return other;
}

static enum verdict run_sets(struct test_job *job) {
    struct folder_list sets = {NULL, 0, 0};
    struct error err = {STATUS_OK, ""};
    if (suite_data_sets(job->pool, job->folder, &sets, &err))
        return report_failure(job, &err);
    if (!sets.count) {
        fail(&err, STATUS_IO, "no test_data_set_0 beside the model");
        return report_failure(job, &err);
    }
    enum verdict verdict = PASSED;
    for (int i = 0; i < sets.count; i++)
        if (run_set(job, sets.paths[i]) == FAILED)
            verdict = FAILED;
    return verdict;
}

static enum verdict run_folder(struct test_job *job) {
    struct error err = {STATUS_OK, ""};
    const char *path = pool_format(job->pool, "%s/model.onnx", job->folder);
    if (!path) {
        fail_memory(&err, "a test folder");
        return report_failure(job, &err);
    }
    if (!engine_open(&job->engine, path, &job->settings->engine, false, &err))
        return run_sets(job);
    const char *other = needs_other_type(path);
    if (!other)
        return report_failure(job, &err);
    if (job->settings->verbose) {
        progress_clear();
        say(stdout, "SKIP %s: an input or output is a %s\n", job->folder, other);
    }
    return SKIPPED;
}

static enum verdict test_folder(const struct test_settings *settings, const char *folder) {
    struct test_job job = {.settings = settings, .pool = pool_create(), .folder = folder};
    if (!job.pool) {
        complain("out of memory");
        return FAILED;
    }
    const enum verdict verdict = run_folder(&job);
    if (verdict == PASSED && settings->verbose) {
        progress_clear();
        say(stdout, "PASS %s", folder);
        if (job.worst > 0)
            printf("  (largest error %.2g of the largest number)", job.worst);
        putchar('\n');
    }
    engine_close(&job.engine);
    pool_destroy(job.pool);
    return verdict;
}

/* ---- all folders ---- */

static status find_folders(const struct command_call *call, struct folder_list *chosen, struct error *err) {
    const struct test_settings *settings = call->settings;
    status code = STATUS_OK;
    for (int i = 0; !code && i < call->argument_count; i++)
        code = suite_find(call->pool, call->arguments[i], chosen, err);
    if (code || !settings->filter)
        return code;
    int kept = 0;
    for (int i = 0; i < chosen->count; i++)
        if (strstr(chosen->paths[i], settings->filter))
            chosen->paths[kept++] = chosen->paths[i];
    chosen->count = kept;
    return kept ? STATUS_OK
                : fail(err, STATUS_INVALID_ARGUMENT, "no test folder's path contains '%s'", settings->filter);
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    struct folder_list folders = {NULL, 0, 0};
    const status code = find_folders(call, &folders, err);
    if (code)
        return code;
    int counts[VERDICTS] = {0};
    for (int i = 0; i < folders.count; i++) {
        progress("[%d/%d] %s", i + 1, folders.count, folders.paths[i]);
        counts[test_folder(call->settings, folders.paths[i])]++;
    }
    progress_clear();
    printf("%d passed, %d failed, %d skipped\n", counts[PASSED], counts[FAILED], counts[SKIPPED]);
    *good = !counts[FAILED];
    return STATUS_OK;
}

static const char *const arguments[] = {"DIR...", NULL};
static const struct command_option options[] = {TOLERANCE_OPTIONS(struct test_settings),
                                                {"filter", 0, "TEXT", "run only the folders whose path contains TEXT",
                                                 set_text, offsetof(struct test_settings, filter)},
                                                {"verbose", 'v', NULL, "name the folders that pass or are skipped, too",
                                                 set_flag, offsetof(struct test_settings, verbose)},
                                                ENGINE_OPTIONS(struct test_settings),
                                                OPTIONS_END};

const struct command test_command = {
    .name = "test",
    .summary = "run ONNX test folders and compare with their stored outputs",
    .arguments = arguments,
    .about =
        "Each DIR is a test folder as ONNX defines it (model.onnx with test_data_set_0/input_0.pb, output_0.pb and so "
        "on) or has such folders beneath it. Tensors belong to the model's inputs and outputs by their names, else by "
        "their numbers. Element types and shapes must be equal; floats may differ by the tolerance, which goes by the "
        "size of the numbers, as rounding does; NaN equals NaN; "
        "everything else must be equal, unless --steps allows more.\n\n"
        "The last line counts folders. A folder whose inputs or outputs are sparse tensors is skipped; one whose "
        "operators limner does not run has failed. Exits with 1 when any folder failed.",
    .examples = "  limner test models/small\n"
                "  limner test onnx/backend/test/data/node --filter convtranspose --verbose\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
