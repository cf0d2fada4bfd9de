#include "tools/embed/embed_painter.h"

#include "runtime/session/model.h"
#include "tools/cli/picture_options.h"
#include "tools/embed/embed_error.h"
#include "tools/files/file.h"
#include "tools/inpaint/painter.h"
#include "tools/inpaint/studio_options.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* ---- options ---- */

struct embed_settings {
    struct studio_settings studio;
    struct contract_request wish;
    struct engine_options engine;
};
static const struct embed_settings defaults = {.studio = STUDIO_DEFAULTS};
static const char *const arguments[] = {NULL};

#define COMMON_OPTIONS                                                                                        \
    PICTURE_SAVING_OPTIONS(struct embed_settings, studio.saving),                                             \
        MAX_PIXELS_OPTION(struct embed_settings, studio.max_pixels), CONTRACT_OPTIONS(struct embed_settings), \
        ENGINE_OPTIONS(struct embed_settings), CACHE_OPTIONS(struct embed_settings), OPTIONS_END
static const struct command_option hole_options[] = {HOLE_OPTIONS(struct embed_settings), COMMON_OPTIONS};
static const struct command_option whole_options[] = {TILE_OPTIONS(struct embed_settings, studio.tile, studio.overlap),
                                                      COMMON_OPTIONS};

static const struct command commands[] = {{.name = "run",
                                           .arguments = arguments,
                                           .options = whole_options,
                                           .defaults = &defaults,
                                           .settings_size = sizeof defaults},
                                          {.name = "inpaint",
                                           .arguments = arguments,
                                           .options = hole_options,
                                           .defaults = &defaults,
                                           .settings_size = sizeof defaults}};

/* ---- the painter ---- */

#define MOST_NOTES 32

struct embed_painter {
    struct pool *pool; /* of options and contracts */
    struct embed_settings settings;
    struct studio studio;
    struct painter painter;
    struct meter meter;
    char *notes[MOST_NOTES];
    size_t note_count;
    bool has_painted;
};

/* Of more notes than anybody reads the rest is dropped. */
static void take_note(void *context, const char *message) {
    struct embed_painter *self = context;
    if (self->note_count < MOST_NOTES && (self->notes[self->note_count] = strdup(message)))
        self->note_count++;
}

static status read_settings(struct embed_painter *self, const struct embed_request *request, struct error *err) {
    struct command_call call;
    status code = arguments_parse_options(&commands[request->holes != 0], request->word_count, request->words,
                                          self->pool, &call, err);
    if (code)
        return code;
    self->settings = *(const struct embed_settings *)call.settings;
    struct studio_settings *studio = &self->settings.studio;
    const struct said *holes = contract_about_holes(&self->settings.wish.said);
    char text[64];
    if (!request->holes && holes)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s is about holes: here are none",
                    contract_speaker(&self->settings.wish.said, holes, text));
    studio->model = request->model_name;
    studio->edge = request->edge ? request->edge_name : NULL;
    studio->no_mask = !request->holes;
    studio->pool = self->pool;
    studio->wish = self->settings.wish;
    return studio_options_check(studio, err);
}

static status open_painter(struct embed_painter *self, const struct embed_request *request, struct error *err) {
    status code = read_settings(self, request, err);
    if (code)
        return code;
    model_hold(request->model);
    self->settings.studio.loaded = request->model;
    if (request->edge)
        model_hold(request->edge);
    self->settings.studio.edge_loaded = request->edge;
    code = studio_open(&self->studio, &self->settings.studio, &self->meter, err);
    return code ? code
                : painter_open(&self->painter, &self->studio, &self->settings.engine, painter_memory(), &self->meter,
                               err);
}

limner_status embed_painter_create(const struct embed_request *request, struct embed_painter **painter,
                                   limner_error *error) {
    struct error err;
    struct embed_painter *self = calloc(1, sizeof *self);
    *painter = NULL;
    if (!self)
        return embed_status(fail_memory(&err, "a painter"), &err, error);
    meter_init_listened(&self->meter, take_note, self);
    self->pool = pool_create();
    const locale_t before = embed_plain_numbers();
    const status code = self->pool ? open_painter(self, request, &err) : fail_memory(&err, "a painter");
    embed_restore(before);
    if (code)
        embed_painter_close(self);
    else
        *painter = self;
    return embed_status(code, &err, error);
}

void embed_painter_close(struct embed_painter *self) {
    if (!self)
        return;
    painter_close(&self->painter);
    studio_close(&self->studio);
    embed_painter_clear_notes(self);
    meter_destroy(&self->meter);
    pool_destroy(self->pool);
    free(self);
}

const char *embed_painter_note(const struct embed_painter *self, size_t i) {
    return i < self->note_count ? self->notes[i] : NULL;
}

void embed_painter_clear_notes(struct embed_painter *self) {
    for (size_t i = 0; i < self->note_count; i++)
        free(self->notes[i]);
    self->note_count = 0;
}

/* ---- painting ---- */

static status check_output(const char *path, struct error *err) {
    if (picture_written_of_name(path) == PICTURE_NONE)
        return fail(err, STATUS_INVALID_ARGUMENT, "cannot tell what to write to '%s': end its name in %s", path,
                    picture_endings_written());
    return staging_check(path, err);
}

#define INCHES_A_METRE (1 / 0.0254)

static struct picture_about about_of(const struct embed_picture *from) {
    const bool has_density = from->dots_x > 0 && from->dots_y > 0;
    return (struct picture_about){.orientation = ORIENTATION_UPRIGHT,
                                  .density_unit = has_density ? DENSITY_METRE : DENSITY_NONE,
                                  .density_x = from->dots_x * INCHES_A_METRE,
                                  .density_y = from->dots_y * INCHES_A_METRE,
                                  .profile = {(unsigned char *)from->profile, from->profile_bytes}};
}

static struct picture picture_of(const struct embed_picture *from, struct picture_about *about) {
    return (struct picture){from->width, from->height, from->channels, from->depth, (void *)from->samples, about};
}

static status paint(struct embed_painter *self, const struct embed_task *task, struct paint_result *result,
                    struct error *err) {
    struct picture_about about = about_of(&task->image);
    const struct picture image = picture_of(&task->image, &about), mask = picture_of(&task->mask, NULL);
    const bool holes = !self->settings.studio.no_mask;
    const struct paint_task painted = {.image = task->image.path ? task->image.path : "the image",
                                       .mask = !holes            ? NULL
                                               : task->mask.path ? task->mask.path
                                                                 : "the mask",
                                       .output = task->output ? task->output : "the result",
                                       .image_given = task->image.path ? NULL : &image,
                                       .mask_given = task->mask.path ? NULL : &mask,
                                       .result = task->output ? NULL : result};
    status code = task->output ? check_output(task->output, err) : STATUS_OK;
    self->painter.memory = painter_memory();
    if (!code)
        code = painter_paint(&self->painter, &painted, err);
    if (code)
        return code;
    painter_say_notes(&self->painter);
    if (!self->has_painted)
        painter_keep_weights(&self->painter);
    self->has_painted = true;
    return STATUS_OK;
}

limner_status embed_painter_paint(struct embed_painter *self, const struct embed_task *task,
                                  struct embed_result *result, limner_error *error) {
    struct paint_result painted = {.eight_bits = task->eight_bits != 0};
    struct error err;
    const locale_t before = embed_plain_numbers();
    const status code = paint(self, task, &painted, &err);
    embed_restore(before);
    const struct picture *made = &painted.picture;
    *result =
        (struct embed_result){made->width, made->height, made->channels, made->depth, made->samples, painted.unchanged};
    painted.picture.samples = NULL;
    picture_free(&painted.picture);
    return embed_status(code, &err, error);
}
