#include "tools/inpaint/scene.h"

#include "base/checked.h"
#include "tools/files/picture_file.h"

#include <stdlib.h>
#include <string.h>

double picture_gray(const struct picture *picture, size_t pixel) {
    const size_t at = pixel * (size_t)picture->channels;
    const size_t green = picture->channels >= 3 ? 1 : 0;
    const double peak = picture_peak(picture);
    return picture_sample(picture, at) / peak * 0.2125 + picture_sample(picture, at + green) / peak * 0.7154 +
           picture_sample(picture, at + 2 * green) / peak * 0.0721;
}

static status read_picture(const char *path, size_t max_pixels, struct picture *picture, struct error *err) {
    struct byte_buffer bytes;
    status code = file_read(path, &bytes, err);
    if (code)
        return code;
    if (picture_recognise(bytes.data, bytes.size) == PICTURE_NONE)
        code = fail(err, STATUS_INVALID_ARGUMENT, "%s is no picture: neither PNG nor JPEG", path);
    else if (picture_decode(bytes.data, bytes.size, max_pixels, picture, err))
        code = fail_prefix(err, "%s", path);
    free(bytes.data);
    return code;
}

/* ---- masks ---- */

/* What a mask says at a pixel, 0..255; see-through counts as black. */
static double mask_light(const struct picture *mask, size_t pixel) {
    const size_t alpha = (pixel + 1) * (size_t)mask->channels - 1;
    const double shown = picture_has_alpha(mask) ? picture_sample(mask, alpha) / (double)picture_peak(mask) : 1;
    return picture_gray(mask, pixel) * shown * 255;
}

/* Light that an editor or JPEG leaves beside black and white. */
static bool is_faint(double light) {
    return light > 0 && light < 64;
}

static void punch(struct scene *scene, const struct picture *mask, const struct mask_options *options,
                  struct mask_notes *notes) {
    const size_t width = scene->picture.width, height = scene->picture.height;
    for (size_t y = 0; y < height; y++) {
        const size_t from = (2 * y + 1) * mask->height / (2 * height);
        for (size_t x = 0; x < width; x++) {
            const double light = mask_light(mask, from * mask->width + (2 * x + 1) * mask->width / (2 * width));
            const bool white = light > options->threshold;
            scene->hole[y * width + x] = white != options->white_is_known;
            notes->faint += white && is_faint(light);
        }
    }
    const bool resized = mask->width != width || mask->height != height;
    notes->from_width = resized ? mask->width : 0;
    notes->from_height = resized ? mask->height : 0;
}

status scene_read(const char *image, const char *mask, const struct mask_options *options, size_t max_pixels,
                  struct scene *scene, struct mask_notes *notes, struct error *err) {
    struct picture picture = {0, 0, 0, 0, NULL};
    size_t pixels;
    *scene = (struct scene){.hole = NULL};
    *notes = (struct mask_notes){0, 0, 0};
    status code = read_picture(image, max_pixels, &scene->picture, err);
    if (!code)
        code = read_picture(mask, max_pixels, &picture, err);
    if (code)
        return code;
    if (size_mul(scene->picture.width, scene->picture.height, &pixels))
        scene->hole = malloc(pixels);
    if (scene->hole)
        punch(scene, &picture, options, notes);
    else
        code = fail_memory(err, "a mask");
    picture_free(&picture);
    return code;
}

void scene_close(struct scene *scene) {
    picture_free(&scene->picture);
    free(scene->hole);
    free(scene->edges);
    *scene = (struct scene){.hole = NULL};
}

size_t scene_hole_pixels(const struct scene *scene) {
    size_t count = 0;
    for (size_t i = 0; i < scene->picture.width * scene->picture.height; i++)
        count += scene->hole[i];
    return count;
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
