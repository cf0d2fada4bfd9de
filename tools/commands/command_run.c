/* limner run: pictures or arrays in, pictures or arrays out. */
#include "tools/cli/output.h"
#include "tools/cli/picture_options.h"
#include "tools/commands/commands.h"
#include "tools/engine/engine.h"
#include "tools/engine/feed.h"
#include "tools/engine/profile.h"
#include "tools/engine/values.h"
#include "tools/inpaint/studio_options.h"
#include "tools/inpaint/variants.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct run_settings {
    struct engine_options engine;
    struct feed_request feed;
    struct contract_request wish;
    int tile, overlap; /* as studio_settings has them */
    struct batch_settings batch;
    const char *picture_out;
    struct pair_list outputs;
    struct picture_saving saving;
    bool profile;
};
static const struct run_settings defaults = {
    .feed.max_pixels = PICTURE_MAX_PIXELS, .overlap = NOT_GIVEN, .batch.jobs = 1};

/* One file to be written. */
struct target {
    const char *name; /* NULL: the first output */
    const char *path;
    size_t wanted; /* its index in job.wanted */
};

struct run_job {
    const struct run_settings *settings;
    struct pool *pool;
    struct engine engine;
    struct model_feed feed;
    struct target *targets;
    int target_count;
    limner_tensor *wanted; /* outputs, each once */
    size_t wanted_count;
    struct staging staging;
};

/* ---- before anything is loaded ---- */

static status check_target(const struct run_job *job, int i, struct error *err) {
    const struct target *target = &job->targets[i];
    if (array_type_of_name(target->path) == ARRAY_UNKNOWN)
        return fail(err, STATUS_USAGE, "cannot tell what to write to '%s': end its name in %s, or in .npy or .pb",
                    target->path, picture_endings_written());
    for (int k = 0; k < i; k++)
        if (strcmp(job->targets[k].path, target->path) == 0)
            return fail(err, STATUS_USAGE, "'%s' would be written twice", target->path);
    return staging_check(target->path, err);
}

static status collect_targets(struct run_job *job, struct error *err) {
    const struct pair_list *outputs = &job->settings->outputs;
    job->targets = pool_array(job->pool, (size_t)outputs->count + 1, sizeof *job->targets);
    if (!job->targets)
        return fail_memory(err, "the outputs");
    if (job->settings->picture_out)
        job->targets[job->target_count++] = (struct target){NULL, job->settings->picture_out, 0};
    for (int i = 0; i < outputs->count; i++)
        job->targets[job->target_count++] = (struct target){outputs->items[i].name, outputs->items[i].file, 0};
    status code = STATUS_OK;
    for (int i = 0; !code && i < job->target_count; i++)
        code = check_target(job, i, err);
    return code;
}

/* ---- which outputs ---- */

static size_t want(struct run_job *job, const char *name) {
    for (size_t i = 0; i < job->wanted_count; i++)
        if (strcmp(job->wanted[i].name, name) == 0)
            return i;
    job->wanted[job->wanted_count].name = name;
    return job->wanted_count++;
}

static status choose_outputs(struct run_job *job, struct error *err) {
    const size_t count = limner_model_output_count(job->engine.model);
    job->wanted = pool_array(job->pool, count + 1, sizeof *job->wanted);
    if (!job->wanted)
        return fail_memory(err, "the outputs");
    if (!count)
        return fail(err, STATUS_INVALID_MODEL, "%s has no outputs", job->engine.path);
    for (size_t i = 0; !job->target_count && i < count; i++)
        want(job, engine_output(&job->engine, i).name);
    for (int i = 0; i < job->target_count; i++) {
        struct target *target = &job->targets[i];
        limner_value value = engine_output(&job->engine, 0);
        const status code = target->name ? engine_find_output(&job->engine, target->name, &value, err) : STATUS_OK;
        if (code)
            return code;
        target->wanted = want(job, value.name);
    }
    return STATUS_OK;
}

/* ---- after the run ---- */

static status stage_output(struct run_job *job, const struct target *target, struct error *err) {
    const limner_tensor *output = &job->wanted[target->wanted];
    if (value_kind(output->type) != DTYPE_UNDEFINED)
        return fail(err, STATUS_UNSUPPORTED, "output \"%s\" is a %s; only tensors are written to files", output->name,
                    limner_type_name(output->type));
    const struct tensor tensor = engine_view(output);
    struct picture_wish wish = {
        .source = job->feed.picture, .keep_alpha = !job->feed.picture_alpha_used, .saving = job->settings->saving};
    char lost[ABOUT_LOST_BYTES];
    struct byte_buffer bytes;
    size_t nan;
    status code = engine_output_form(&job->engine, output->name, (enum dtype)output->type, &wish.form, err);
    if (code)
        return code;
    code = array_encode(&tensor, output->name, target->path, &wish, &bytes, &nan, lost, err);
    if (code)
        return fail_prefix(err, "output \"%s\" to %s", output->name, target->path);
    if (lost[0])
        complain("note: %s does not keep of the picture: %s%s", target->path, lost,
                 picture_lost_hint(&job->settings->saving));
    if (nan)
        complain("warning: output \"%s\" has %zu elements that are not a number; they are black in %s", output->name,
                 nan, target->path);
    code = staging_add(&job->staging, target->path, bytes.data, bytes.size, err);
    free(bytes.data);
    return code;
}

static status write_outputs(struct run_job *job, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; !code && i < job->target_count; i++) {
        progress("writing %s", job->targets[i].path);
        code = stage_output(job, &job->targets[i], err);
    }
    return code ? code : staging_commit(&job->staging, err);
}

static status run_once(struct run_job *job, const char *picture, struct error *err) {
    struct feed_request request = job->settings->feed;
    request.picture = picture;
    request.to_srgb = job->settings->saving.through_srgb;
    status code = engine_session(job->engine.model, job->engine.path, &job->settings->engine, job->settings->profile,
                                 &job->engine.session, err);
    engine_say_cache_note(job->engine.session);
    if (!code)
        code = choose_outputs(job, err);
    if (!code)
        code = feed_read(&job->engine, &request, &job->feed, err);
    if (code)
        return code;
    progress("running %s", job->engine.path);
    code = feed_run(&job->engine, &job->feed, job->wanted, job->wanted_count, err);
    if (!code)
        code = write_outputs(job, err);
    if (!code)
        engine_save_cache(job->engine.session);
    progress_clear();
    for (size_t i = 0; !code && !job->target_count && i < job->wanted_count; i++)
        value_print(job->wanted[i].name, &job->wanted[i]);
    if (!code && job->settings->profile)
        code = print_profile(&job->engine, err);
    return code;
}

/* ---- pictures that are resized, cut into tiles, or many ---- */

static bool is_folder(const char *path) {
    struct stat about;
    return path && stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

/* Options for pictures where what is read or written is no picture. */
static status check_plain(const struct run_job *job, struct error *err) {
    const struct run_settings *settings = job->settings;
    if (settings->tile != TILE_NONE || settings->batch.format || settings->batch.resume || settings->batch.jobs > 1 ||
        settings->batch.shard.count)
        return fail(
            err, STATUS_USAGE,
            "--tile, --format, --jobs, --resume and --shard are for a PICTURE or a folder, written to a picture or a "
            "folder with -o");
    const struct said *said = contract_beyond_plain(&job->engine.contract);
    char text[64];
    if (said && said->by == SAID_OPTION)
        return fail(err, STATUS_USAGE, "%s is for a PICTURE that is written as a picture with -o, and nothing else",
                    contract_speaker(&job->engine.contract, said, text));
    if (said)
        complain("note: %s (%s) is not used: that is for a PICTURE that is written as a picture with -o, and nothing "
                 "else",
                 contract_speaker(&job->engine.contract, said, text), said->text);
    return STATUS_OK;
}

/* The way of limner inpaint, without holes. */
static bool goes_by_studio(const struct run_job *job, const char *picture) {
    const struct run_settings *settings = job->settings;
    const char *out = settings->picture_out;
    if (!picture || !out || settings->outputs.count || settings->feed.inputs.count || settings->profile)
        return false;
    if (is_folder(picture) || is_folder(out))
        return true;
    return picture_written_of_name(out) != PICTURE_NONE && strcmp(out, "-") != 0 &&
           (settings->tile != TILE_NONE || contract_beyond_plain(&job->engine.contract));
}

static status run_studio(struct run_job *job, const char *picture, bool *good, struct error *err) {
    const struct run_settings *settings = job->settings;
    struct batch_settings files = settings->batch;
    struct studio_settings studio = {.model = job->engine.path,
                                     .loaded = job->engine.model,
                                     .wish = settings->wish,
                                     .pool = job->pool,
                                     .saving = settings->saving,
                                     .max_pixels = settings->feed.max_pixels,
                                     .no_mask = true,
                                     .tile = settings->tile,
                                     .overlap = settings->overlap,
                                     .crop_margin = NOT_GIVEN};
    struct painter painter = {.studio = NULL};
    struct meter meter;
    files.image = picture;
    files.output = settings->picture_out;
    files.engine = settings->engine;
    job->engine.model = NULL; /* the studio's now */
    meter_init(&meter);
    const status code = variant_run(&studio, &files, &painter, job->pool, &meter, good, err);
    painter_close(&painter);
    meter_destroy(&meter);
    return code;
}

static status execute(struct run_job *job, const char *picture, bool *good, struct error *err) {
    progress("loading %s", job->engine.path);
    status code = engine_load(job->engine.path, &job->engine.model, err);
    if (!code)
        code = engine_agree(&job->engine, &job->settings->wish, job->pool, err);
    progress_clear();
    if (!code && goes_by_studio(job, picture))
        return run_studio(job, picture, good, err);
    if (!code)
        code = check_plain(job, err);
    return code ? code : run_once(job, picture, err);
}

static status check_settings(const struct run_settings *settings, const char *picture, struct error *err) {
    const struct said *holes = contract_about_holes(&settings->wish.said);
    char text[64];
    if (holes)
        return fail(err, STATUS_USAGE, "%s is for limner inpaint: here are no holes",
                    contract_speaker(&settings->wish.said, holes, text));
    if (settings->overlap != NOT_GIVEN && settings->tile == TILE_NONE)
        return fail(err, STATUS_USAGE, "--overlap goes with --tile");
    if (is_folder(picture) && !settings->picture_out)
        return fail(err, STATUS_USAGE, "-o is missing: say in which folder to write the results");
    if (is_folder(picture) && !is_folder(settings->picture_out) &&
        picture_written_of_name(settings->picture_out) != PICTURE_NONE)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s is a folder, so -o has to be one, too, not '%s'", picture,
                    settings->picture_out);
    return STATUS_OK;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    struct run_job job = {.settings = call->settings, .pool = call->pool};
    const char *picture = call->argument_count > 1 ? call->arguments[1] : NULL;
    const bool folders = is_folder(picture) || is_folder(job.settings->picture_out);
    job.engine.path = call->arguments[0];
    status code = check_settings(job.settings, picture, err);
    if (!code && !folders)
        code = collect_targets(&job, err);
    if (!code)
        code = execute(&job, picture, good, err);
    staging_close(&job.staging);
    feed_close(&job.feed);
    engine_close(&job.engine);
    return code;
}

static const char *const arguments[] = {"MODEL", "[PICTURE]", NULL};
static const struct command_option options[] = {
    {NULL, 'o', "FILE",
     "write the model's first output to FILE: a picture (.png, .jpg, .webp, .tif, .bmp, .pnm), .npy or .pb "
     "(TensorProto) by its ending",
     set_file, offsetof(struct run_settings, picture_out)},
    {"output", 0, "NAME=FILE", "write the output NAME to FILE; may be given for several outputs", set_pairs,
     offsetof(struct run_settings, outputs)},
    FEED_OPTIONS(struct run_settings),
    CONTRACT_OPTIONS(struct run_settings),
    TILE_OPTIONS(struct run_settings, tile, overlap),
    {"format", 0, "FORMAT",
     "of results in folders: same (as the picture, where that is written), png, jpg, webp, ... (default: same)",
     set_format, offsetof(struct run_settings, batch.format)},
    {"jobs", 0, "N", "pictures of a folder to work on at a time (default: 1)", set_positive,
     offsetof(struct run_settings, batch.jobs)},
    {"resume", 0, NULL, "skip pictures whose result is there already", set_flag,
     offsetof(struct run_settings, batch.resume)},
    SHARD_OPTION(struct run_settings, batch.shard),
    PICTURE_SAVING_OPTIONS(struct run_settings, saving),
    ENGINE_OPTIONS(struct run_settings),
    CACHE_OPTIONS(struct run_settings),
    {"profile", 0, NULL, "print how long each node took", set_flag, offsetof(struct run_settings, profile)},
    OPTIONS_END};

const struct command run_command = {
    .name = "run",
    .summary = "run a model on a picture or on arrays",
    .arguments = arguments,
    .about =
        "Runs the model once. PICTURE (limner --help says which kinds are read; an array as for --input will do, "
        "too) feeds the first input that "
        "no --input feeds. Without -o and "
        "--output, each output's type, shape and range are printed instead.\n\n"
        "PICTURE may be a folder: every picture in it is run, and OUT is a folder for the results, which have the "
        "picture's name and format; --shard lets several processes or machines share it. --tile cuts large pictures "
        "into tiles that overlap as far as the model looks, for "
        "upscalers, too; the scale is the model's own. What a model expects of pictures is said by options, by "
        "--preset NAME (limner help presets) or by the model's metadata (limner annotate). With --result alpha the "
        "model says which parts of PICTURE are to be seen, as background removal does.\n\n"
        "A picture goes in and out as the model's own N,C,H,W or N,H,W,C with 1, 3 or 4 channels: 1 is luminance "
        "(0.299 R + 0.587 "
        "G + 0.114 B), 3 is RGB, 4 is RGB and alpha. Nothing is resized, unless --fit or --size says so: a model with "
        "fixed sizes wants a picture of "
        "that size. Alpha that the model does not take is copied to a written PNG, WebP or TIFF (interpolated when the "
        "sizes "
        "differ), and a 16-bit picture gives a 16-bit PNG, TIFF or PNM. Results are rounded to the nearest sample and "
        "clamped. JPEG "
        "is written without alpha.\n\n"
        "Orientation tags are obeyed: the model gets the picture as it is seen, and the result is upright, or has the "
        "tag again. "
        "Colour profile and resolution go along; what is not kept is said.\n\n"
        "Files are written beside their place and then renamed: a run that fails leaves none behind.",
    .examples = "  limner run upscaler.onnx photos/ -o large/ --preset real-esrgan --tile auto --resume\n"
                "  limner run u2net.onnx photo.jpg -o cut.png --preset u2net\n"
                "  limner run generator.onnx broken.png -o repaired.png --range -1,1\n"
                "  limner run inpaint.onnx --input rgb_edge=input.npy --output painted=result.npy --threads 4\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
