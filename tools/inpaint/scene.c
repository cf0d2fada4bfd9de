#include "tools/inpaint/scene.h"

#include "base/checked.h"
#include "base/recognise.h"
#include "tools/files/colour.h"
#include "tools/files/picture_file.h"
#include "tools/files/resample.h"

#include <stdlib.h>
#include <string.h>

double picture_gray_of(const double light[3]) {
    return light[0] * 0.2125 + light[1] * 0.7154 + light[2] * 0.0721;
}

double picture_gray(const struct picture *picture, size_t pixel) {
    const size_t at = pixel * (size_t)picture->channels;
    const size_t green = picture->channels >= 3 ? 1 : 0;
    const double peak = picture_peak(picture);
    return picture_sample(picture, at) / peak * 0.2125 + picture_sample(picture, at + green) / peak * 0.7154 +
           picture_sample(picture, at + 2 * green) / peak * 0.0721;
}

static status read_file(const char *path, size_t max_pixels, struct picture *picture, struct error *err) {
    struct byte_buffer bytes;
    status code = file_read(path, &bytes, err);
    if (code)
        return code;
    const struct file_kind *kind = file_recognise(bytes.data, bytes.size);
    if (kind && kind->stand_in)
        fail_other_file(err, code = STATUS_INVALID_ARGUMENT, kind, "a picture");
    else if (!bytes.size)
        code = fail(err, STATUS_INVALID_ARGUMENT, "the file is empty");
    else if (!picture_name_of_bytes(bytes.data, bytes.size))
        code = fail(err, STATUS_INVALID_ARGUMENT, "%s is no picture of a known kind (%s)%s%s", path,
                    picture_types_read(), kind ? ": it is " : "", kind ? kind->what : "");
    else
        code = picture_decode(bytes.data, bytes.size, max_pixels, picture, err);
    free(bytes.data);
    return code ? fail_path(err, path) : STATUS_OK;
}

static status read_picture(const struct picture_source *source, size_t max_pixels, struct picture *picture,
                           struct error *err) {
    if (!source->given)
        return read_file(source->name, max_pixels, picture, err);
    status code = picture_copy(source->given, max_pixels, picture, err);
    if (!code && source->given->about)
        code = about_copy_look(source->given->about, &picture->about, err);
    return code ? fail_prefix(err, "%s", source->name) : STATUS_OK;
}

/* ---- masks ---- */

/* Light in whole numbers: what a mask says at a pixel, and what level 1 of 255 is; see-through counts as black. */
struct light {
    uint64_t value, level;
};

static struct light mask_light(const struct picture *mask, size_t pixel) {
    const size_t channels = (size_t)mask->channels, at = pixel * channels, green = channels >= 3 ? 1 : 0;
    const uint64_t peak = picture_peak(mask);
    const uint64_t shown = picture_has_alpha(mask) ? picture_sample(mask, at + channels - 1) : peak;
    const uint64_t gray = 2125 * (uint64_t)picture_sample(mask, at) +
                          7154 * (uint64_t)picture_sample(mask, at + green) +
                          721 * (uint64_t)picture_sample(mask, at + 2 * green);
    return (struct light){gray * shown * 255, 10000 * peak * peak};
}

/* Light that an editor or JPEG leaves beside black and white. */
static bool is_faint(const struct light *light) {
    return light->value > 0 && light->value < 64 * light->level;
}

static size_t distance(size_t a, size_t b) {
    return a > b ? a - b : b - a;
}

/* A mask may be smaller or larger, but not of another shape; sides are whole pixels, so each may be off by one. */
static status check_aspect(const struct picture *picture, const struct picture *mask, struct error *err) {
    const size_t width = picture->width, height = picture->height;
    if (mask->width == height && mask->height == width && width != height)
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "the mask is %zu by %zu pixels, the picture %zu by %zu: their sides are exchanged; turn the mask",
                    mask->width, mask->height, width, height);
    if (distance(mask->width * height, mask->height * width) <= width + height)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_ARGUMENT,
                "the mask is %zu by %zu pixels, the picture %zu by %zu: they have another aspect, so the mask would be "
                "stretched; give one that was made for this picture",
                mask->width, mask->height, width, height);
}

static void punch(struct scene *scene, const struct picture *mask, const struct mask_options *options,
                  struct mask_notes *notes) {
    const size_t width = scene->picture.width, height = scene->picture.height;
    for (size_t y = 0; y < height; y++) {
        const size_t from = (2 * y + 1) * mask->height / (2 * height);
        for (size_t x = 0; x < width; x++) {
            const struct light light = mask_light(mask, from * mask->width + (2 * x + 1) * mask->width / (2 * width));
            const bool white = light.value > (uint64_t)options->threshold * light.level;
            scene->hole[y * width + x] = white != options->white_is_known;
            notes->faint += white && is_faint(&light);
        }
    }
    const bool resized = mask->width != width || mask->height != height;
    notes->from_width = resized ? mask->width : 0;
    notes->from_height = resized ? mask->height : 0;
}

/* The models see sRGB then; the file's own samples are kept, for what is not painted. */
static status convert_colours(struct scene *scene, struct error *err) {
    if (!colour_differs(&scene->picture))
        return STATUS_OK;
    const status code = picture_copy(&scene->picture, SIZE_MAX, &scene->original, err);
    return code ? code : colour_to_srgb(&scene->picture, err);
}

static status make_hole(const struct scene_request *request, const struct picture *mask, struct scene *scene,
                        struct mask_notes *notes, struct error *err) {
    size_t pixels;
    const status code = check_aspect(&scene->picture, mask, err);
    if (code)
        return fail_prefix(err, "%s", request->mask.name);
    if (size_mul(scene->picture.width, scene->picture.height, &pixels))
        scene->hole = malloc(pixels);
    if (!scene->hole)
        return fail_memory(err, "a mask");
    punch(scene, mask, request->options, notes);
    return STATUS_OK;
}

status scene_read(const struct scene_request *request, struct scene *scene, struct mask_notes *notes,
                  struct error *err) {
    struct picture mask = {.samples = NULL};
    *scene = (struct scene){.hole = NULL};
    *notes = (struct mask_notes){0, 0, 0};
    status code = read_picture(&request->image, request->max_pixels, &scene->picture, err);
    if (!code && request->to_srgb && (code = convert_colours(scene, err)) != STATUS_OK)
        fail_prefix(err, "%s", request->image.name);
    if (!code && request->mask.name)
        code = read_picture(&request->mask, request->max_pixels, &mask, err);
    if (!code && request->mask.name)
        code = make_hole(request, &mask, scene, notes, err);
    picture_free(&mask);
    return code;
}

void scene_close(struct scene *scene) {
    picture_free(&scene->picture);
    picture_free(&scene->original);
    free(scene->hole);
    free(scene->edges);
    *scene = (struct scene){.hole = NULL};
}

size_t scene_hole_pixels(const struct scene *scene) {
    size_t count = 0;
    for (size_t i = 0; i < scene->picture.width * scene->picture.height; i++)
        count += scene_is_wanted(scene, i);
    return count;
}

void scene_find_mean(struct scene *scene) {
    size_t known = 0;
    for (int c = 0; c < 3; c++)
        scene->mean[c] = 0;
    for (size_t i = 0; i < scene->picture.width * scene->picture.height; i++) {
        known += !scene_is_hole(scene, i);
        for (int c = 0; c < 3 && !scene_is_hole(scene, i); c++)
            scene->mean[c] += (double)scene_light(scene, i, c);
    }
    for (int c = 0; c < 3; c++)
        scene->mean[c] = known ? scene->mean[c] / (double)known : 0.5;
}

/* ---- other sizes ---- */

/* Whether something is set in the part of the rectangle that becomes one pixel. */
static bool any_set(const uint8_t *plane, size_t row, const struct rect *part) {
    for (size_t y = part->y; y < part->y + part->height; y++)
        if (memchr(plane + y * row + part->x, 1, part->width))
            return true;
    return false;
}

static status resize_flags(const uint8_t *plane, size_t row, const struct rect *rect, size_t height, size_t width,
                           uint8_t **out, struct error *err) {
    *out = NULL;
    if (!plane)
        return STATUS_OK;
    *out = malloc(height * width);
    if (!*out)
        return fail_memory(err, "a mask");
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t top = y * rect->height / height, bottom = ((y + 1) * rect->height + height - 1) / height;
            const size_t left = x * rect->width / width, right = ((x + 1) * rect->width + width - 1) / width;
            const struct rect part = {rect->x + left, rect->y + top, right - left, bottom - top};
            (*out)[y * width + x] = any_set(plane, row, &part);
        }
    return STATUS_OK;
}

status scene_resize(const struct scene *scene, const struct rect *rect, size_t height, size_t width,
                    struct scene *scaled, struct error *err) {
    const size_t row = scene->picture.width;
    *scaled = (struct scene){.hole = NULL};
    memcpy(scaled->mean, scene->mean, sizeof scaled->mean);
    status code = picture_resample(&scene->picture, rect->x, rect->y, rect->width, rect->height, width, height,
                                   &scaled->picture, err);
    if (!code)
        code = resize_flags(scene->hole, row, rect, height, width, &scaled->hole, err);
    if (!code)
        code = resize_flags(scene->edges, row, rect, height, width, &scaled->edges, err);
    return code;
}

/* ---- edges ---- */

static void gray_row(const void *picture, size_t y, double *row) {
    const struct picture *from = picture;
    for (size_t x = 0; x < from->width; x++)
        row[x] = picture_gray(from, y * from->width + x);
}

status scene_find_edges(struct scene *scene, const struct canny_options *options, struct error *err) {
    const struct picture *picture = &scene->picture;
    const struct canny_source source = {picture->width, picture->height, gray_row, picture, scene->hole};
    scene->edges = malloc(picture->width * picture->height);
    return scene->edges ? canny(&source, options, scene->edges, err) : fail_memory(err, "the edges");
}
