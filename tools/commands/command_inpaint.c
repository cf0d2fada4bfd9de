/* limner inpaint: fills the holes of pictures. */
#include "tools/cli/picture_options.h"
#include "tools/commands/commands.h"
#include "tools/inpaint/studio_options.h"
#include "tools/inpaint/variants.h"

#include <stddef.h>
#include <string.h>

struct inpaint_settings {
    struct studio_settings studio;
    struct variants variants;
    struct batch_settings batch;
    struct engine_options engine;
    struct contract_request wish;
};
static const struct inpaint_settings defaults = {.studio = STUDIO_DEFAULTS, .batch.jobs = 1};

static status check_variants(const struct inpaint_settings *settings, struct error *err) {
    if (settings->variants.models.count && (settings->studio.model || settings->studio.edge))
        return fail(err, STATUS_USAGE, "--variant and --variant-edge stand for --model and --edge: give one kind");
    if (settings->variants.models.count && settings->batch.save_edges)
        return fail(err, STATUS_USAGE, "--save-edges is for one --model; variants would overwrite each other's");
    return variants_check(&settings->variants, err);
}

/* What is wrong whatever the files hold. */
static status check(const struct inpaint_settings *settings, struct error *err) {
    const struct studio_settings *studio = &settings->studio;
    const status code = check_variants(settings, err);
    if (code)
        return code;
    if (!studio->model && !settings->variants.models.count)
        return fail(err, STATUS_USAGE, "--model is missing");
    if (!settings->batch.output)
        return fail(err, STATUS_USAGE, "-o is missing: say where to write the result");
    if (settings->batch.save_edges && !studio->edge)
        return fail(err, STATUS_USAGE, "--save-edges needs an edge model (--edge); --save-canny does not");
    return studio_options_check(studio, err);
}

static status execute(const struct inpaint_settings *settings, const struct studio_settings *studio,
                      const struct batch_settings *files, struct pool *pool, struct meter *meter, bool *good,
                      struct error *err) {
    struct painter painter = {.studio = NULL};
    if (settings->variants.models.count)
        return variants_run(&settings->variants, studio, files, pool, meter, good, err);
    const status code = variant_run(studio, files, &painter, pool, meter, good, err);
    painter_close(&painter);
    return code;
}

static status run(const struct command_call *call, bool *good, struct error *err) {
    const struct inpaint_settings *settings = call->settings;
    struct batch_settings files = settings->batch;
    struct studio_settings studio = settings->studio;
    files.image = call->arguments[0];
    files.mask = call->arguments[1];
    files.engine = settings->engine;
    studio.wish = settings->wish;
    studio.pool = call->pool;
    status code = check(settings, err);
    if (code)
        return code;
    struct meter meter;
    meter_init(&meter);
    code = execute(settings, &studio, &files, call->pool, &meter, good, err);
    meter_destroy(&meter);
    return code;
}

#define FIELD(name) offsetof(struct inpaint_settings, name)

static const char *const arguments[] = {"IMAGE", "MASK", NULL};
static const struct command_option options[] = {
    {"model", 0, "FILE", "the network that paints", set_file, FIELD(studio.model)},
    {"edge", 0, "FILE", "the network that draws edges into holes first (EdgeConnect)", set_file, FIELD(studio.edge)},
    {"variant", 0, "NAME=FILE",
     "instead of --model: the network that paints, of several that take turns; OUT is a folder then, with NAME.png",
     set_pairs, FIELD(variants.models)},
    {"variant-edge", 0, "NAME=FILE", "instead of --edge: the edge model of the variant NAME", set_pairs,
     FIELD(variants.edges)},
    {NULL, 'o', "OUT", "write the result to OUT: .png, .jpg, .webp, .tif, .bmp or .pnm, or a folder", set_file,
     FIELD(batch.output)},
    {"save-edges", 0, "FILE", "also write the edges that the edge model drew", set_file, FIELD(batch.save_edges)},
    {"save-canny", 0, "FILE", "also write the edges that were found outside the hole", set_file,
     FIELD(batch.save_canny)},
    {"format", 0, "FORMAT",
     "of results in folders: same (as the picture, where that is written), png, jpg, webp, ... (default: same)",
     set_format, FIELD(batch.format)},
    PICTURE_SAVING_OPTIONS(struct inpaint_settings, studio.saving),
    HOLE_OPTIONS(struct inpaint_settings),
    {"jobs", 0, "N", "pictures of a folder to work on at a time (default: 1)", set_positive, FIELD(batch.jobs)},
    {"resume", 0, NULL, "skip pictures whose result is there already", set_flag, FIELD(batch.resume)},
    SHARD_OPTION(struct inpaint_settings, batch.shard),
    MAX_PIXELS_OPTION(struct inpaint_settings, studio.max_pixels),
    CONTRACT_OPTIONS(struct inpaint_settings),
    ENGINE_OPTIONS(struct inpaint_settings),
    CACHE_OPTIONS(struct inpaint_settings),
    OPTIONS_END};

const struct command inpaint_command = {
    .name = "inpaint",
    .summary = "fill the holes of a picture",
    .arguments = arguments,
    .about =
        "Paints what MASK marks in IMAGE, and leaves all else as it is. limner --help says which kinds of pictures "
        "are read; "
        "a mask's pixel is part of the hole when it is brighter than black (see-through counts as black). A mask of "
        "another size is resized to the picture's; one of another aspect is an error. 16-bit pictures and alpha stay "
        "so "
        "in a PNG or TIFF.\n\n"
        "Pictures and masks are taken as they are seen: orientation tags (EXIF, TIFF) are obeyed, each file's own. The "
        "result is upright (--orientation keep: turned back, with its tag), and has the colour profile and the "
        "resolution of IMAGE; what else it does not keep is said once (--keep-metadata).\n\n"
        "With --edge the two networks of EdgeConnect work together: edges are found in the picture (Canny's "
        "detector), the edge model continues them into the hole, and the model paints along them. Without --edge, "
        "the model takes RGB with the hole painted white, and the mask as a fourth channel or an input of its own "
        "when it has one.\n\n"
        "IMAGE, MASK and OUT may be folders: a picture's mask is NAME.png, NAME_mask.png, NAME_mask001.png or "
        "mask_NAME.png, with any ending, the first of these that is there (or MASK is one file for all). Results have "
        "the "
        "picture's name and format, or --format's. What is no picture is named at the end. A picture that fails is "
        "reported, the rest is done, and "
        "the exit status is 1, or 75 where another try may do better (limner --help).\n\n"
        "--shard lets several processes or machines share a folder: every picture belongs to one shard, whatever else "
        "lies in the folder, and its mask comes along. With --resume the same command goes on where it was ended.\n\n"
        "What other networks expect is said by options, by --preset NAME (limner help presets), or by the model itself "
        "(limner annotate): ranges, mean and deviation, the mask's form, what stands in the hole, sizes. They are "
        "about "
        "--model alone.\n\n"
        "With --variant, several generators paint the same pictures in one process, one after the other, and what each "
        "took is printed. Where two take and give the same, the second is swapped into the running session.\n\n"
        "Tiles give what the whole picture gives, as long as the model looks no further than they overlap. Models "
        "that look at the whole picture at once are cropped round each hole instead.",
    .examples = "  limner inpaint --preset lama --model lama.onnx photo.jpg mask.png -o whole.png --blend laplace\n"
                "  limner inpaint --edge edge.onnx --model inpaint.onnx photo.jpg mask.png -o whole.png\n"
                "  limner inpaint --model generator.onnx photos/ masks/ -o repaired/ --jobs 2 --resume\n"
                "  limner inpaint --model generator.onnx photos/ masks/ -o repaired/ --resume --shard 3/16\n"
                "  limner inpaint --variant old=first.onnx --variant new=second.onnx photo.png mask.png -o both/\n",
    .options = options,
    .defaults = &defaults,
    .settings_size = sizeof defaults,
    .run = run,
};
