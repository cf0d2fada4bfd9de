#include "tools/inpaint/painter.h"

#include "tools/files/picture_file.h"
#include "tools/inpaint/canvas.h"

#include <stdlib.h>
#include <string.h>

/* ---- sessions ---- */

static status open_session(const struct network *network, const struct engine_options *options,
                           limner_session **session, struct error *err) {
    return engine_session(network->model, network->path, options, false, session, err);
}

/* The session goes on with the network's model where it can; a network without a model needs no session. */
static status use_network(const struct network *network, const struct engine_options *options, limner_session **session,
                          struct error *err) {
    limner_error misfit = {0};
    if (*session && network->model && limner_session_swap(*session, network->model, &misfit) == LIMNER_OK)
        return STATUS_OK;
    limner_session_close(*session);
    *session = NULL;
    return network->model ? open_session(network, options, session, err) : STATUS_OK;
}

status painter_open(struct painter *painter, const struct studio *studio, const struct engine_options *options,
                    size_t memory, struct meter *meter, struct error *err) {
    painter->studio = studio;
    painter->meter = meter;
    painter->memory = memory;
    const status code = use_network(&studio->paint, options, &painter->paint, err);
    return code ? code : use_network(&studio->edge, options, &painter->edge, err);
}

void painter_say_notes(const struct painter *painter) {
    engine_say_note(painter->paint, painter->studio->paint.path);
    engine_say_note(painter->edge, painter->studio->edge.path);
}

void painter_keep_weights(const struct painter *painter) {
    engine_save_cache(painter->paint);
    if (painter->edge)
        engine_save_cache(painter->edge);
}

void painter_close(struct painter *painter) {
    limner_session_close(painter->edge);
    limner_session_close(painter->paint);
    painter->edge = painter->paint = NULL;
}

/* ---- one piece ---- */

/* What a side becomes for the models: the only size that they take, or the next multiple. */
static size_t padded_side(const struct studio *studio, size_t side, bool is_height) {
    const int64_t paint = is_height ? studio->paint.height : studio->paint.width;
    const int64_t edge = studio->edge.model ? (is_height ? studio->edge.height : studio->edge.width) : -1;
    const int64_t fixed = paint > 0 ? paint : edge;
    if (fixed > 0 && (uint64_t)fixed >= side)
        return (size_t)fixed;
    return (side + studio->multiple - 1) / studio->multiple * studio->multiple;
}

/* The activations that both models together need for pieces of this size. */
static status memory_for(struct painter *painter, size_t height, size_t width, size_t *bytes, struct error *err) {
    const struct studio *studio = painter->studio;
    limner_plan_info info = LIMNER_PLAN_INFO_INIT;
    height = padded_side(studio, height, true);
    width = padded_side(studio, width, false);
    status code = network_plan(&studio->paint, painter->paint, height, width, studio->cell, &info, err);
    *bytes = info.arena_bytes;
    if (code || !studio->edge.model)
        return code;
    code = network_plan(&studio->edge, painter->edge, height, width, studio->cell, &info, err);
    *bytes += info.arena_bytes;
    return code;
}

static status check_fixed(const struct painter *painter, const struct rect *rect, struct error *err) {
    const struct network *networks[] = {&painter->studio->paint, &painter->studio->edge};
    const size_t height = padded_side(painter->studio, rect->height, true);
    const size_t width = padded_side(painter->studio, rect->width, false);
    for (int i = 0; i < 2; i++) {
        const struct network *network = networks[i];
        if (network->model && ((network->height > 0 && (size_t)network->height != height) ||
                               (network->width > 0 && (size_t)network->width != width)))
            return fail(
                err, STATUS_SHAPE,
                "%s takes only pictures %lld wide and %lld high, this is %zu by %zu; export it with free height "
                "and width, or cut the picture with --tile or --crop-margin",
                network->path, (long long)network->width, (long long)network->height, rect->width, rect->height);
    }
    return STATUS_OK;
}

static bool grid_known(const struct studio *studio) {
    return studio->paint.reach.grid_known && (!studio->edge.model || studio->edge.reach.grid_known);
}

/* After shapes that do not fit: says what sides the networks want, if that may be why. */
static status explain_size(const struct studio *studio, const struct rect *rect, status code, struct error *err) {
    char told[sizeof err->message];
    if (code != STATUS_SHAPE || strstr(err->message, "--multiple"))
        return code;
    snprintf(told, sizeof told, "%s", err->message);
    if (studio->multiple % studio->stride)
        return fail(err, code,
                    "the network has a stride of %zu pixels and cannot take %zu by %zu padded to multiples of %zu; try "
                    "--multiple %zu (%.400s)",
                    studio->stride, rect->width, rect->height, studio->multiple, studio->stride, told);
    return grid_known(studio) ? code
                              : fail(err, code,
                                     "%.400s; sides were padded to multiples of %zu, perhaps the network wants "
                                     "--multiple %zu or more",
                                     told, studio->multiple, 2 * studio->multiple);
}

static status check_memory(struct painter *painter, const struct rect *rect, struct error *err) {
    size_t bytes = 0;
    const status code = memory_for(painter, rect->height, rect->width, &bytes, err);
    if (code)
        return explain_size(painter->studio, rect, code, err);
    if (bytes <= painter->memory)
        return STATUS_OK;
    return fail(
        err, STATUS_LIMIT, "%zu by %zu pixels at once would take %.3g GB for activations, there are %.3g GB: %s",
        rect->width, rect->height, (double)bytes / 1e9, (double)painter->memory / 1e9,
        painter->studio->way == WAY_WHOLE   ? "add --tile auto"
        : painter->studio->way == WAY_CROPS ? "make the holes or --crop-margin smaller, or scale the picture down"
                                            : "make --tile smaller");
}

/* output and edges stay the sessions'. */
static status run_piece(struct painter *painter, const struct scene *scene, const struct rect *rect,
                        limner_tensor *output, limner_tensor *edges, struct error *err) {
    const struct studio *studio = painter->studio;
    struct scene_piece piece = {.scene = scene,
                                .rect = *rect,
                                .height = padded_side(studio, rect->height, true),
                                .width = padded_side(studio, rect->width, false),
                                .grid = &studio->grid,
                                .cell = studio->cell};
    status code = check_fixed(painter, rect, err);
    if (!code)
        code = check_memory(painter, rect, err);
    if (!code && studio->edge.model) {
        code = network_run(&studio->edge, painter->edge, &piece, edges, err);
        piece.edges = edges;
    }
    if (!code)
        code = network_run(&studio->paint, painter->paint, &piece, output, err);
    return code == STATUS_SHAPE ? explain_size(studio, rect, code, err) : code;
}

static const limner_tensor *drawn(const struct painter *painter, const limner_tensor *edges) {
    return painter->studio->edge.model ? edges : NULL;
}

/* ---- the ways through a picture ---- */

static status paint_rects(struct painter *painter, struct canvas *canvas, const struct rect_list *list,
                          struct error *err) {
    status code = STATUS_OK;
    if (painter->shows_pieces)
        meter_start(painter->meter, "pieces", list->count);
    for (size_t i = 0; !code && i < list->count; i++) {
        limner_tensor output, edges;
        code = run_piece(painter, canvas->scene, &list->items[i], &output, &edges, err);
        if (!code)
            canvas_put(canvas, &list->items[i], &output, drawn(painter, &edges));
        if (painter->shows_pieces)
            meter_advance(painter->meter);
    }
    return code;
}

static status paint_whole(struct painter *painter, struct canvas *canvas, struct error *err) {
    struct rect whole = {0, 0, canvas->picture.width, canvas->picture.height};
    const struct rect_list list = {&whole, 1};
    return paint_rects(painter, canvas, &list, err);
}

static status paint_crops(struct painter *painter, struct canvas *canvas, struct error *err) {
    struct rect_list list;
    status code = regions_find(canvas->scene->hole, canvas->picture.width, canvas->picture.height,
                               painter->studio->margin, painter->studio->align, &list, err);
    if (!code)
        code = paint_rects(painter, canvas, &list, err);
    free(list.items);
    return code;
}

static bool has_hole(const struct scene *scene, const struct rect *rect) {
    for (size_t y = rect->y; y < rect->y + rect->height; y++)
        if (memchr(scene->hole + y * scene->picture.width + rect->x, 1, rect->width))
            return true;
    return false;
}

static status paint_row(struct painter *painter, struct canvas *canvas, struct tile_strip *strip,
                        const struct tiling *across, const struct tiling *down, size_t row, struct error *err) {
    status code = STATUS_OK;
    for (size_t column = 0; !code && column < across->count; column++) {
        const struct rect rect = {tiling_start(across, column), tiling_start(down, row), tiling_length(across, column),
                                  tiling_length(down, row)};
        limner_tensor output, edges;
        const bool wanted = has_hole(canvas->scene, &rect);
        if (wanted)
            code = run_piece(painter, canvas->scene, &rect, &output, &edges, err);
        if (wanted && !code)
            strip_add(strip, canvas, across, column, down, row, &output, drawn(painter, &edges));
        if (painter->shows_pieces)
            meter_advance(painter->meter);
    }
    return code;
}

static status paint_tiles(struct painter *painter, struct canvas *canvas, size_t size, struct error *err) {
    const struct tiling across = tiling_make(canvas->picture.width, size, painter->studio->overlap);
    const struct tiling down = tiling_make(canvas->picture.height, size, painter->studio->overlap);
    struct tile_strip strip;
    status code = strip_open(&strip, down.size, across.length, err);
    if (painter->shows_pieces)
        meter_start(painter->meter, "tiles", across.count * down.count);
    for (size_t row = 0; !code && row < down.count; row++) {
        code = paint_row(painter, canvas, &strip, &across, &down, row, err);
        if (!code)
            strip_finish(&strip, canvas, row + 1 < down.count ? down.step : tiling_length(&down, row));
    }
    strip_close(&strip);
    return code;
}

/* What activations may take where the size of a piece is ours to choose. */
static size_t auto_bytes(const struct painter *painter) {
    return painter->memory < AUTO_ARENA_BYTES ? painter->memory : AUTO_ARENA_BYTES;
}

/* The largest tile whose activations fit auto_bytes; of a model for one size, that size. */
static status choose_size(struct painter *painter, size_t *size, struct error *err) {
    static const size_t sizes[] = {2048, 1536, 1024, 768, 512, 384, 256};
    const struct network *paint = &painter->studio->paint;
    const size_t least = 2 * painter->studio->overlap, multiple = painter->studio->align;
    if (paint->height > 0 && paint->width > 0) {
        const size_t side = (size_t)(paint->height < paint->width ? paint->height : paint->width);
        *size = side / multiple * multiple;
        return *size >= least && *size
                   ? STATUS_OK
                   : fail(err, STATUS_SHAPE, "%s takes only %lld by %lld pixels, too few for tiles that overlap by %zu",
                          paint->path, (long long)paint->width, (long long)paint->height, painter->studio->overlap);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        size_t bytes = 0;
        *size = (sizes[i] + multiple - 1) / multiple * multiple;
        if (*size < least)
            break;
        const status code = memory_for(painter, *size, *size, &bytes, err);
        if (code || bytes <= auto_bytes(painter))
            return code;
    }
    *size = *size < least ? least : *size;
    return STATUS_OK;
}

static status paint_scene(struct painter *painter, struct canvas *canvas, struct error *err) {
    const struct studio *studio = painter->studio;
    size_t bytes = SIZE_MAX, size = studio->tile;
    struct error ignored;
    if (studio->whole_if_small && memory_for(painter, canvas->picture.height, canvas->picture.width, &bytes, &ignored))
        bytes = SIZE_MAX; /* not even planned: too large, or not the model's size */
    if (studio->way == WAY_WHOLE || bytes <= auto_bytes(painter))
        return paint_whole(painter, canvas, err);
    if (studio->way == WAY_CROPS)
        return paint_crops(painter, canvas, err);
    const status code = size ? STATUS_OK : choose_size(painter, &size, err);
    return code ? code : paint_tiles(painter, canvas, size, err);
}

/* ---- files ---- */

/* To learn the umask, staging has to set it for a moment: one thread at a time. */
static pthread_mutex_t staging_lock = PTHREAD_MUTEX_INITIALIZER;

static status stage_bytes(struct staging *staging, const char *path, const struct byte_buffer *bytes,
                          struct error *err) {
    pthread_mutex_lock(&staging_lock);
    const status code = staging_add(staging, path, bytes->data, bytes->size, err);
    pthread_mutex_unlock(&staging_lock);
    return code;
}

/* about: of the picture that it comes from, or NULL */
static status stage_picture(struct staging *staging, const char *path, const struct picture *picture,
                            const struct picture_about *about, const struct picture_saving *saving, struct error *err) {
    struct byte_buffer bytes = {NULL, 0};
    status code = picture_save(picture, about, picture_written_of_name(path), saving, &bytes, err);
    if (code)
        return fail_prefix(err, "%s", path);
    code = stage_bytes(staging, path, &bytes, err);
    free(bytes.data);
    return code;
}

/* levels: 0..255, or 0 and 1 with scale 255. */
static status stage_plane(struct staging *staging, const char *path, const struct scene *scene, const uint8_t *levels,
                          unsigned scale, struct error *err) {
    const struct picture_saving saving = {0};
    struct picture picture = {scene->picture.width, scene->picture.height, 1, 8, NULL, NULL};
    status code = picture_allocate(&picture, SIZE_MAX, err);
    for (size_t i = 0; !code && i < picture.width * picture.height; i++)
        picture_set_sample(&picture, i, levels[i] * scale);
    if (!code)
        code = stage_picture(staging, path, &picture, NULL, &saving, err);
    picture_free(&picture);
    return code;
}

/* Once a painter: what the results do not keep is much the same for all pictures of a folder. */
static void tell_lost(struct painter *painter, const struct paint_task *task, const struct picture *result,
                      const struct picture_about *about) {
    const struct picture_saving *saving = &painter->studio->settings->saving;
    char lost[ABOUT_LOST_BYTES];
    if (!*picture_lost(result, about, picture_written_of_name(task->output), saving, lost) || painter->told_lost)
        return;
    painter->told_lost = true;
    meter_complain(painter->meter, "note: %s does not keep of %s: %s%s", task->output, task->image, lost,
                   picture_lost_hint(saving));
}

static bool is_upright(const struct picture *picture) {
    return !picture->about || picture->about->orientation == ORIENTATION_UPRIGHT;
}

/* Without a hole the output is the input: its very bytes where format and orientation allow it. */
static status stage_unchanged(struct painter *painter, const struct paint_task *task, const struct scene *scene,
                              struct staging *staging, struct error *err) {
    const struct picture_saving *saving = &painter->studio->settings->saving;
    const struct picture *picture = scene->original.samples ? &scene->original : &scene->picture;
    struct byte_buffer bytes;
    status code = file_read(task->image, &bytes, err);
    if (code)
        return code;
    if (picture_recognise(bytes.data, bytes.size) == picture_written_of_name(task->output) &&
        (saving->keep_orientation || is_upright(&scene->picture))) {
        code = stage_bytes(staging, task->output, &bytes, err);
    } else {
        code = stage_picture(staging, task->output, picture, scene->picture.about, saving, err);
        if (!code)
            tell_lost(painter, task, picture, scene->picture.about);
    }
    free(bytes.data);
    return code;
}

static void tell_mask(const struct painter *painter, const struct paint_task *task, const struct scene *scene,
                      const struct mask_notes *notes) {
    if (notes->from_width)
        meter_complain(painter->meter, "note: %s is %zu by %zu pixels, resized to the picture's %zu by %zu", task->mask,
                       notes->from_width, notes->from_height, scene->picture.width, scene->picture.height);
    if (notes->faint)
        meter_complain(painter->meter,
                       "note: %s has %zu pixels that are dark but not black and count as white; --mask-threshold 127 "
                       "leaves them out",
                       task->mask, notes->faint);
}

static status stage_painted(struct painter *painter, const struct paint_task *task, const struct scene *scene,
                            struct staging *staging, struct error *err) {
    const struct picture_about *about = scene->picture.about;
    const int depth = picture_kind(picture_written_of_name(task->output))->has_16_bits ? scene->picture.depth : 8;
    struct canvas canvas;
    status code = canvas_open(&canvas, scene, &painter->studio->paint.form, depth, task->save_edges != NULL, err);
    if (!code)
        code = paint_scene(painter, &canvas, err);
    if (!code && canvas.not_numbers)
        meter_complain(painter->meter, "warning: %s: the model gave %zu samples that are not a number; they are black",
                       task->output, canvas.not_numbers);
    if (!code && task->save_edges)
        code = stage_plane(staging, task->save_edges, scene, canvas.edges, 1, err);
    if (!code)
        code = canvas_restore_colours(&canvas, err);
    if (!code)
        code = stage_picture(staging, task->output, &canvas.picture, about, &painter->studio->settings->saving, err);
    if (!code)
        tell_lost(painter, task, &canvas.picture, about);
    canvas_close(&canvas);
    return code;
}

static status stage_task(struct painter *painter, const struct paint_task *task, struct scene *scene,
                         struct staging *staging, struct error *err) {
    status code = STATUS_OK;
    if (painter->studio->edge.model || task->save_canny)
        code = scene_find_edges(scene, &painter->studio->settings->canny, err);
    if (!code && task->save_canny)
        code = stage_plane(staging, task->save_canny, scene, scene->edges, 255, err);
    if (code || scene_hole_pixels(scene))
        return code ? code : stage_painted(painter, task, scene, staging, err);
    meter_complain(painter->meter, "note: %s has no hole: %s is the picture as it was", task->mask, task->output);
    if (task->save_edges)
        code = stage_plane(staging, task->save_edges, scene, scene->edges, 255, err);
    return code ? code : stage_unchanged(painter, task, scene, staging, err);
}

/* The output is staged last, so that it is in its place only when the others are. */
/* So that a large picture's activations are not held through all the small ones that come after it. */
static void trim_large(limner_session *session) {
    limner_session_info info = LIMNER_SESSION_INFO_INIT;
    if (session && limner_session_get_info(session, &info) == LIMNER_OK && info.held_bytes > KEPT_BYTES)
        limner_session_trim(session);
}

status painter_paint(struct painter *painter, const struct paint_task *task, struct error *err) {
    const struct studio_settings *settings = painter->studio->settings;
    struct staging staging = {NULL, 0};
    struct scene scene;
    struct mask_notes notes;
    const struct scene_request request = {task->image, task->mask, &settings->mask, settings->max_pixels,
                                          settings->saving.through_srgb};
    status code = scene_read(&request, &scene, &notes, err);
    if (!code) {
        tell_mask(painter, task, &scene, &notes);
        code = stage_task(painter, task, &scene, &staging, err);
    }
    if (!code)
        code = staging_commit(&staging, err);
    staging_close(&staging);
    scene_close(&scene);
    trim_large(painter->paint);
    trim_large(painter->edge);
    return code;
}
