#include "tools/inpaint/painter.h"

#include "base/memory_limits.h"
#include "base/processors.h"
#include "tools/files/picture_file.h"
#include "tools/files/picture_tensor.h"
#include "tools/inpaint/blend.h"
#include "tools/inpaint/painter_ways.h"

#include <stdlib.h>
#include <string.h>

/* ---- sessions ---- */

size_t painter_memory(void) {
    struct memory_limits limits;
    memory_limits_read("", &limits);
    return limits.room;
}

static status open_session(const struct painter *painter, const struct network *network,
                           const struct engine_options *options, limner_session **session, struct error *err) {
    const status code = engine_session(network->model, network->path, options, false, session, err);
    if (limner_session_cache_note(*session)[0])
        meter_complain(painter->meter, "note: %s; it is made anew", limner_session_cache_note(*session));
    return code;
}

/* The session goes on with the network's model where it can; a network without a model needs no session. */
static status use_network(const struct painter *painter, const struct network *network,
                          const struct engine_options *options, limner_session **session, struct error *err) {
    limner_error misfit = {0};
    if (*session && network->model && limner_session_swap(*session, network->model, &misfit) == LIMNER_OK)
        return STATUS_OK;
    limner_session_close(*session);
    *session = NULL;
    return network->model ? open_session(painter, network, options, session, err) : STATUS_OK;
}

status painter_open(struct painter *painter, const struct studio *studio, const struct engine_options *options,
                    size_t memory, struct meter *meter, struct error *err) {
    painter->studio = studio;
    painter->meter = meter;
    painter->memory = memory;
    painter->threads = options->threads ? options->threads : processors_available();
    const status code = use_network(painter, &studio->paint, options, &painter->paint, err);
    return code ? code : use_network(painter, &studio->edge, options, &painter->edge, err);
}

static void say_note(const struct painter *painter, const limner_session *session, const char *path) {
    if (limner_session_note(session)[0])
        meter_complain(painter->meter, "note: %s: %s", path, limner_session_note(session));
}

void painter_say_notes(const struct painter *painter) {
    say_note(painter, painter->paint, painter->studio->paint.path);
    say_note(painter, painter->edge, painter->studio->edge.path);
}

static void keep_weights(const struct painter *painter, limner_session *session) {
    limner_error problem;
    if (session && limner_session_save_cache(session, &problem))
        meter_complain(painter->meter, ENGINE_CACHE_PROBLEM, problem.message);
}

void painter_keep_weights(const struct painter *painter) {
    keep_weights(painter, painter->paint);
    keep_weights(painter, painter->edge);
}

void painter_close(struct painter *painter) {
    limner_session_close(painter->edge);
    limner_session_close(painter->paint);
    painter->edge = painter->paint = NULL;
}

/* ---- results ---- */

/* Of what kind the result is: in memory it has all that a picture can have. */
static enum picture_type result_type(const struct paint_task *task) {
    return task->result ? PICTURE_PNG : picture_written_of_name(task->output);
}

static int result_depth(const struct paint_task *task, const struct scene *scene) {
    const bool eight = task->result ? task->result->eight_bits : !picture_kind(result_type(task))->has_16_bits;
    return eight ? 8 : scene->picture.depth;
}

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
    if (!*picture_lost(result, about, result_type(task), saving, lost) || painter->told_lost)
        return;
    painter->told_lost = true;
    meter_complain(painter->meter, "note: %s does not keep of %s: %s%s", task->output, task->image, lost,
                   picture_lost_hint(saving));
}

/* To the task's file or memory; the picture is taken then. */
static status give_result(struct painter *painter, const struct paint_task *task, struct picture *picture,
                          const struct picture_about *about, struct staging *staging, struct error *err) {
    if (task->result) {
        task->result->picture = *picture;
        *picture = (struct picture){.samples = NULL};
        return STATUS_OK;
    }
    const struct picture_saving *saving = &painter->studio->settings->saving;
    const status code = stage_picture(staging, task->output, picture, about, saving, err);
    if (!code)
        tell_lost(painter, task, picture, about);
    return code;
}

static bool is_upright(const struct picture *picture) {
    return !picture->about || picture->about->orientation == ORIENTATION_UPRIGHT;
}

/* Without a hole the output is the input: its very bytes where format and orientation allow it. */
static status stage_unchanged(struct painter *painter, const struct paint_task *task, struct scene *scene,
                              struct staging *staging, struct error *err) {
    const bool turns = !painter->studio->settings->saving.keep_orientation && !is_upright(&scene->picture);
    struct picture *picture = scene->original.samples ? &scene->original : &scene->picture;
    struct byte_buffer bytes = {NULL, 0};
    status code = STATUS_OK;
    if (task->result)
        task->result->unchanged = true;
    else if (!task->image_given && !turns)
        code = file_read(task->image, &bytes, err);
    if (!code && bytes.size && picture_recognise(bytes.data, bytes.size) == result_type(task))
        code = stage_bytes(staging, task->output, &bytes, err);
    else if (!code)
        code = give_result(painter, task, picture, scene->picture.about, staging, err);
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

/* What a result's numbers say about the range that they were taken for. */
static void tell_range(const struct painter *painter, const struct paint_task *task,
                       const struct light_range_seen *seen) {
    const struct network *network = &painter->studio->paint;
    const struct picture_form *form = &network->form;
    const double span = form->high - form->low, low = form->low + seen->low * span,
                 high = form->low + seen->high * span;
    if (seen->not_numbers)
        meter_complain(painter->meter, "warning: %s: the model gave %zu samples that are not a number; they are black",
                       task->output, seen->not_numbers);
    const bool outside = seen->outside * 100 > seen->samples;
    const bool speck = span >= 64 && low >= -1.5 && high <= 1.5 && high > low;
    if (network->contract.output_range.found || (!outside && !speck))
        return;
    const char *fitting = low >= -0.1 && high <= 1.1              ? " (0,1?)"
                          : low >= -1.2 && high <= 1.2            ? " (-1,1?)"
                          : low >= -64 && high <= 320 && high > 2 ? " (0,255?)"
                                                                  : "";
    meter_complain(painter->meter,
                   "note: %s: the model's numbers go from %.4g to %.4g, %s its range of %.4g to %.4g: see "
                   "--output-range%s",
                   task->output, low, high, outside ? "far outside" : "a small part of", form->low, form->high,
                   fitting);
}

/* Alpha of the picture, where the model took none and its result has none. */
static status keep_alpha(const struct painter *painter, const struct scene *scene, struct canvas *canvas,
                         struct error *err) {
    return scene->hole || painter->studio->paint.takes_alpha
               ? STATUS_OK
               : picture_copy_alpha(&canvas->picture, &scene->picture, err);
}

static status paint_and_save(struct painter *painter, const struct paint_task *task, struct canvas *canvas,
                             struct staging *staging, struct error *err) {
    const struct scene *scene = canvas->scene;
    status code = painter_paint_canvas(painter, canvas, err);
    if (!code)
        tell_range(painter, task, &canvas->seen);
    if (!code && canvas->wish.blends)
        code = blend_laplace(canvas, painter->threads, err);
    if (!code && task->save_edges)
        code = stage_plane(staging, task->save_edges, scene, canvas->edges, 1, err);
    if (!code)
        code = canvas_restore_colours(canvas, err);
    if (!code)
        code = keep_alpha(painter, scene, canvas, err);
    return code ? code : give_result(painter, task, &canvas->picture, scene->picture.about, staging, err);
}

static status stage_painted(struct painter *painter, const struct paint_task *task, struct scene *scene,
                            struct staging *staging, struct error *err) {
    const struct picture_kind *kind = picture_kind(result_type(task));
    const struct studio *studio = painter->studio;
    const struct canvas_wish wish = {.result = (enum result_word)studio->paint.contract.result.word,
                                     .depth = result_depth(task, scene),
                                     .wants_edges = task->save_edges != NULL,
                                     .blends = studio->settings->blend == BLEND_LAPLACE};
    struct canvas canvas;
    if (wish.result == RESULT_ALPHA && !kind->has_alpha)
        return fail(err, STATUS_INVALID_ARGUMENT, "the result is alpha, which a %s does not hold: write %s a .png",
                    kind->name, task->output);
    if (studio->paint.contract.hole.kind == HOLE_MEAN)
        scene_find_mean(scene);
    status code = canvas_open(&canvas, scene, &wish, err);
    if (!code)
        code = paint_and_save(painter, task, &canvas, staging, err);
    canvas_close(&canvas);
    return code;
}

/* The output is staged last, so that it is in its place only when the others are. */
static status stage_task(struct painter *painter, const struct paint_task *task, struct scene *scene,
                         struct staging *staging, struct error *err) {
    status code = STATUS_OK;
    if (painter->studio->edge.model || task->save_canny)
        code = scene_find_edges(scene, &painter->studio->settings->canny, err);
    if (!code && task->save_canny)
        code = stage_plane(staging, task->save_canny, scene, scene->edges, 255, err);
    if (code || !scene->hole || scene_hole_pixels(scene))
        return code ? code : stage_painted(painter, task, scene, staging, err);
    meter_complain(painter->meter, "note: %s has no hole: %s is the picture as it was", task->mask, task->output);
    if (task->save_edges)
        code = stage_plane(staging, task->save_edges, scene, scene->edges, 255, err);
    return code ? code : stage_unchanged(painter, task, scene, staging, err);
}

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
    const struct scene_request request = {{task->image, task->image_given},
                                          {task->mask, task->mask_given},
                                          &settings->mask,
                                          settings->max_pixels,
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
