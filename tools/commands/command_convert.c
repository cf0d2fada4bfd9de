/* limner convert: a checkpoint's weights into an ONNX model. */
#include "tools/cli/output.h"
#include "tools/commands/commands.h"
#include "tools/convert/conversion.h"
#include "tools/engine/save_model.h"
#include "tools/files/file.h"
#include "tools/files/stream.h"

#include <stddef.h>
#include <stdlib.h>

struct convert_settings {
    struct conversion_request request;
    const char *output, *save_map;
    bool external, dry_run, json;
};
static const struct convert_settings defaults;

struct convert_job {
    const struct convert_settings *settings;
    struct conversion conversion;
    struct staging map_file; /* of --save-map */
};

/* ---- before anything is read ---- */

static status check_settings(const struct convert_settings *settings, struct error *err) {
    if (!settings->request.template)
        return fail(err, STATUS_USAGE, "--template is missing");
    if (!settings->output && !settings->dry_run)
        return fail(err, STATUS_USAGE, "-o is missing (or --dry-run, to write nothing)");
    if (settings->output && stream_is_standard(settings->output) && settings->external)
        return fail(err, STATUS_USAGE, "--external writes two files, and -o - is one stream");
    return settings->output && !settings->dry_run ? staging_check(settings->output, err) : STATUS_OK;
}

/* ---- writing ---- */

/* Beside its place, until the model is written. */
static status stage_map(struct convert_job *job, struct error *err) {
    struct conversion_plan *plan = &job->conversion.plan;
    char *text = NULL;
    size_t size = 0;
    if (!job->settings->save_map)
        return STATUS_OK;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return fail_memory(err, "the map");
    report_map(plan, &job->conversion.report, stream);
    status code = fclose(stream) || plan->lost ? fail_memory(err, "the map") : STATUS_OK;
    if (!code)
        code = staging_add(&job->map_file, job->settings->save_map, text, size, err);
    free(text);
    return code;
}

static status save(const struct convert_job *job, const struct onnx_model *model, struct error *err) {
    progress("writing %s", job->settings->output);
    return model_save(model, job->settings->output, job->settings->external, job->conversion.pool, err);
}

static status carry_out(struct convert_job *job, struct error *err) {
    struct onnx_model model;
    progress("converting %s", job->settings->request.checkpoint);
    status code = conversion_pour(&job->conversion, &model, err);
    if (!code && !job->settings->dry_run)
        code = save(job, &model, err);
    progress_clear();
    return code;
}

static void print_problems(const struct conversion_plan *plan) {
    for (const struct convert_problem *problem = plan->problems; problem; problem = problem->next)
        complain("%s", problem->text);
    complain("%d thing%s could not be settled, and nothing was written (limner convert --help explains maps)",
             plan->problem_count, plan->problem_count == 1 ? "" : "s");
}

/* Where the report goes: a model on standard output is alone there. */
static FILE *words(const struct convert_settings *settings) {
    return settings->output && stream_is_standard(settings->output) ? stderr : stdout;
}

static status print_report(struct convert_job *job, struct error *err) {
    struct conversion_plan *plan = &job->conversion.plan;
    (job->settings->json ? report_json : report_print)(plan, &job->conversion.report, words(job->settings));
    return plan->lost ? fail_memory(err, "the report") : STATUS_OK;
}

/* ---- the command ---- */

static status convert(struct convert_job *job, bool *good, struct error *err) {
    const struct convert_settings *settings = job->settings;
    status code = conversion_read(&job->conversion, err);
    if (code)
        return code;
    *good = job->conversion.plan.problem_count == 0;
    const char *output = *good && !settings->dry_run ? settings->output : NULL;
    job->conversion.report.output = output;
    if (*good) {
        code = settings->dry_run ? STATUS_OK : stage_map(job, err);
        if (!code)
            code = print_report(job, err);
        if (!code)
            code = carry_out(job, err);
        if (!code)
            code = staging_commit(&job->map_file, err);
        if (!code && output && !settings->json)
            say(words(settings), "wrote       %s\n", output);
        return code;
    }
    code = print_report(job, err);
    print_problems(&job->conversion.plan);
    return code;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    struct convert_settings settings = *(const struct convert_settings *)call->settings;
    struct convert_job job = {.settings = &settings};
    settings.request.checkpoint = call->arguments[0];
    status code = check_settings(&settings, err);
    if (!code)
        code = conversion_open(&job.conversion, &settings.request, call->pool, err);
    if (!code && settings.output && !settings.dry_run)
        code = conversion_check_output(&job.conversion, settings.output, err);
    if (!code)
        code = convert(&job, good, err);
    staging_close(&job.map_file);
    conversion_close(&job.conversion);
    return code;
}

#define AT(field) offsetof(struct convert_settings, field)

static const char *const arguments[] = {"CHECKPOINT", NULL};
static const struct command_option options[] = {
    CONVERSION_OPTIONS(struct convert_settings),
    {NULL, 'o', "OUT", "the ONNX model to write", set_file, AT(output)},
    {"external", 0, NULL, "store weights beside the model, in OUT.data", set_flag, AT(external)},
    {"dry-run", 'n', NULL, "print the report, write nothing", set_flag, AT(dry_run)},
    {"json", 0, NULL, "print the report as one line of JSON", set_flag, AT(json)},
    {"save-map", 0, "FILE", "write down where everything came from, as a map", set_file, AT(save_map)},
    OPTIONS_END};

const struct command convert_command = {
    .name = "convert",
    .summary = "turn a PyTorch checkpoint into an ONNX model",
    .arguments = arguments,
    .about =
        "Pours the weights of CHECKPOINT (PyTorch's .pth, .pt and .ckpt, old and new, and safetensors) into the ONNX "
        "model MODEL, whose own weights do not matter: an export of the same network, or one of the templates that "
        "come "
        "with limner (generator, generator-keyvalue, edge-connect-edge, edge-connect-inpaint). A template is looked "
        "for "
        "as a file, in --template-dir, in the folder LIMNER_TEMPLATES, and where limner is installed.\n\n"
        "Weights are found by name; where the exporter has lost the names, by what it noted, and by shape and order. "
        "Spectral and weight norms are worked out, linear layers transposed, batch norms that the exporter folded into "
        "layers are folded again. The report says what became of each weight. What cannot be settled is an error that "
        "names the candidates, and then nothing is written.\n\n"
        "A map has lines like these (# begins a comment, names with spaces stand in double quotes):\n\n"
        "  onnx::Conv_96 <- encoder.0.weight folded encoder.1\n\n"
        "  onnx::MatMul_70 <- fc.weight transposed\n\n"
        "  scale <- keep\n\n"
        "  - <- discriminator.*\n\n"
        "  backbone.* -> encoder.*\n\n"
        "They take a key's weight and fold a batch norm in; take a linear layer's weight; keep the template's own data "
        "(or zeros, or ones); leave keys out; rename all keys that begin so, before anything else.",
    .examples = "  limner convert InpaintingModel_gen.pth --template edge-connect-inpaint -o inpaint.onnx\n"
                "  limner convert generator.pth --template export.onnx --dry-run\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
