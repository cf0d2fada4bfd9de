/* limner convert: a checkpoint's weights into an ONNX model. */
#include "onnx/load/load.h"
#include "onnx/save/save.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/cli/output.h"
#include "tools/cli/values.h"
#include "tools/commands/commands.h"
#include "tools/convert/convert.h"
#include "tools/convert/pour.h"
#include "tools/convert/pour_half.h"
#include "tools/convert/report.h"
#include "tools/engine/engine.h"
#include "tools/engine/save_model.h"
#include "tools/files/file.h"
#include "tools/files/resource.h"
#include "tools/files/stream.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct convert_settings {
    const char *template, *template_folder, *output, *map, *key, *prefix, *save_map;
    double eps;
    bool by_order, half, external, dry_run, json;
};
static const struct convert_settings defaults;

struct convert_job {
    const struct convert_settings *settings;
    struct pool *pool;
    const char *checkpoint_path, *template_path;
    struct checkpoint *checkpoint;
    struct onnx_model *template;
    struct map map;
    struct conversion_plan plan;
    struct staging map_file; /* of --save-map */
};

/* ---- reading ---- */

static status check_settings(const struct convert_settings *settings, struct error *err) {
    if (!settings->template)
        return fail(err, STATUS_USAGE, "--template is missing");
    if (!settings->output && !settings->dry_run)
        return fail(err, STATUS_USAGE, "-o is missing (or --dry-run, to write nothing)");
    if (settings->output && stream_is_standard(settings->output) && settings->external)
        return fail(err, STATUS_USAGE, "--external writes two files, and -o - is one stream");
    return settings->output && !settings->dry_run ? staging_check(settings->output, err) : STATUS_OK;
}

static bool is_same_file(const char *a, const char *b) {
    struct stat info_a, info_b;
    return stat(a, &info_a) == 0 && stat(b, &info_b) == 0 && info_a.st_dev == info_b.st_dev &&
           info_a.st_ino == info_b.st_ino;
}

static status check_output(const struct convert_job *job, struct error *err) {
    const char *output = job->settings->output;
    if (!output || job->settings->dry_run)
        return STATUS_OK;
    if (is_same_file(output, job->checkpoint_path))
        return fail(err, STATUS_INVALID_ARGUMENT, "%s is the checkpoint, and would be overwritten", output);
    if (is_same_file(output, job->template_path))
        return fail(err, STATUS_INVALID_ARGUMENT, "%s is the template, and would be overwritten", output);
    return STATUS_OK;
}

static status read_map(struct convert_job *job, struct error *err) {
    struct byte_buffer bytes = {NULL, 0};
    const char *path;
    if (!job->settings->map)
        return STATUS_OK;
    status code = resource_find(&resource_map, job->settings->map, NULL, job->pool, &path, err);
    if (!code)
        code = file_read(path, &bytes, err);
    if (!code)
        code = map_parse((const char *)bytes.data, bytes.size, path, job->pool, &job->map, err);
    free(bytes.data);
    return code;
}

static status with_path(status code, const char *path, struct error *err) {
    return code && !strstr(err->message, path) ? fail_prefix(err, "%s", path) : code;
}

static status load_checkpoint(struct convert_job *job, struct error *err) {
    struct stream stream;
    const char *real;
    status code = stream_open(job->checkpoint_path, &stream, &real, err);
    if (!code)
        code = checkpoint_load(real, NULL, &job->checkpoint, err);
    if (code)
        stream_name(&stream, job->checkpoint_path, err);
    stream_close(&stream);
    return code;
}

static status read_all(struct convert_job *job, struct error *err) {
    status code = read_map(job, err);
    if (!code)
        code = resource_find(&resource_template, job->settings->template, job->settings->template_folder, job->pool,
                             &job->template_path, err);
    if (!code)
        code = check_output(job, err);
    if (!code)
        code = engine_load_onnx(job->template_path, &job->template, err);
    if (!code)
        code = with_path(load_checkpoint(job, err), job->checkpoint_path, err);
    if (!code)
        code = with_path(checkpoint_choose(job->checkpoint, job->settings->key, err), job->checkpoint_path, err);
    return code;
}

/* ---- writing ---- */

/* Beside its place, until the model is written. */
static status stage_map(struct convert_job *job, struct conversion_plan *plan, const struct report *report,
                        struct error *err) {
    char *text = NULL;
    size_t size = 0;
    if (!job->settings->save_map)
        return STATUS_OK;
    FILE *stream = open_memstream(&text, &size);
    if (!stream)
        return fail_memory(err, "the map");
    report_map(plan, report, stream);
    status code = fclose(stream) || plan->lost ? fail_memory(err, "the map") : STATUS_OK;
    if (!code)
        code = staging_add(&job->map_file, job->settings->save_map, text, size, err);
    free(text);
    return code;
}

static status save(const struct convert_job *job, const struct onnx_model *model, struct error *err) {
    progress("writing %s", job->settings->output);
    return model_save(model, job->settings->output, job->settings->external, job->pool, err);
}

static status carry_out(struct convert_job *job, struct error *err) {
    struct onnx_model model;
    progress("converting %s", job->checkpoint_path);
    status code = pour(&job->plan, &model, err);
    if (!code && job->settings->half)
        code = pour_half(&job->plan, err);
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

static status print_report(struct convert_job *job, const struct report *report, struct error *err) {
    (job->settings->json ? report_json : report_print)(&job->plan, report, words(job->settings));
    return job->plan.lost ? fail_memory(err, "the report") : STATUS_OK;
}

/* ---- the command ---- */

static status convert(struct convert_job *job, bool *good, struct error *err) {
    const struct convert_settings *settings = job->settings;
    const struct convert_options options = {settings->map ? &job->map : NULL, settings->prefix, settings->eps,
                                            settings->by_order};
    status code = convert_plan(job->template, job->checkpoint, &options, job->pool, &job->plan, err);
    if (code)
        return code;
    *good = job->plan.problem_count == 0;
    const char *output = *good && !settings->dry_run ? settings->output : NULL;
    const struct report report = {job->checkpoint_path,
                                  job->template_path,
                                  checkpoint_format(job->checkpoint),
                                  checkpoint_chosen(job->checkpoint),
                                  checkpoint_beside(job->checkpoint),
                                  output};
    if (*good) {
        /* the map and the report tell of the template as it was: before pour() */
        code = settings->dry_run ? STATUS_OK : stage_map(job, &job->plan, &report, err);
        if (!code)
            code = print_report(job, &report, err);
        if (!code)
            code = carry_out(job, err);
        if (!code)
            code = staging_commit(&job->map_file, err);
        if (!code && output && !settings->json)
            say(words(settings), "wrote       %s\n", output);
        return code;
    }
    code = print_report(job, &report, err);
    print_problems(&job->plan);
    return code;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    struct convert_job job = {.settings = call->settings, .pool = call->pool, .checkpoint_path = call->arguments[0]};
    status code = check_settings(job.settings, err);
    if (!code)
        code = read_all(&job, err);
    if (!code)
        code = convert(&job, good, err);
    staging_close(&job.map_file);
    convert_close(&job.plan);
    checkpoint_close(job.checkpoint);
    onnx_close(job.template);
    return code;
}

#define AT(field) offsetof(struct convert_settings, field)

static const char *const arguments[] = {"CHECKPOINT", NULL};
static const struct command_option options[] = {
    {"template", 't', "MODEL", "the ONNX model that the weights go into: a file, or a name (see below)", set_file,
     AT(template)},
    {NULL, 'o', "OUT", "the ONNX model to write", set_file, AT(output)},
    {"map", 0, "FILE", "what is said in FILE about where weights come from goes before everything else", set_file,
     AT(map)},
    {"key", 0, "PATH", "the dictionary within the checkpoint that holds the weights (default: found)", set_text,
     AT(key)},
    {"prefix", 0, "TEXT", "what to take from the keys' beginnings (default: found)", set_text, AT(prefix)},
    {"eps", 0, "NUMBER",
     "eps of batch norms that are folded into layers (default: what the template's own have, else 1e-5)", set_number,
     AT(eps)},
    {"by-order", 0, NULL, "where nothing else tells layers of one shape apart, rely on their order", set_flag,
     AT(by_order)},
    {"half", 0, NULL, "store weights as float16, half the size; they are computed with as float", set_flag, AT(half)},
    {"external", 0, NULL, "store weights beside the model, in OUT.data", set_flag, AT(external)},
    {"dry-run", 'n', NULL, "print the report, write nothing", set_flag, AT(dry_run)},
    {"json", 0, NULL, "print the report as one line of JSON", set_flag, AT(json)},
    {"save-map", 0, "FILE", "write down where everything came from, as a map", set_file, AT(save_map)},
    {"template-dir", 0, "DIR", "look for templates in DIR first", set_file, AT(template_folder)},
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
