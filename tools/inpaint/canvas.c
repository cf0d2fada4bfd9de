#include "tools/inpaint/canvas.h"

#include "base/checked.h"
#include "tools/files/colour.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLOURS 3

/* ---- samples ---- */

/* Light of 0..1 as a sample, cut off and not rounded. */
static unsigned cut_off(float light, unsigned peak) {
    const float scaled = light * (float)peak;
    return scaled <= 0 ? 0 : scaled >= (float)peak ? peak : (unsigned)scaled;
}

/* Holes are cut off, as EdgeConnect's test mode has them; whole results are rounded. */
static unsigned to_sample(const struct canvas *canvas, float light) {
    const unsigned peak = picture_peak(&canvas->picture);
    return cut_off(canvas->scene->hole ? light : light + 0.5F / (float)peak, peak);
}

#define FAR_OUTSIDE 0.1F /* of the range from black to white */

static float look_at(struct canvas *canvas, float light) {
    struct light_range_seen *seen = &canvas->seen;
    seen->samples++;
    if (isnan(light)) {
        seen->not_numbers++;
        return 0;
    }
    seen->outside += light < -FAR_OUTSIDE || light > 1 + FAR_OUTSIDE;
    seen->low = fmin(seen->low, (double)light);
    seen->high = fmax(seen->high, (double)light);
    return light;
}

/* The picture's alpha where a model has said which parts are to be seen. */
static void set_alpha(struct canvas *canvas, size_t pixel, float light) {
    const size_t at = pixel * (size_t)canvas->picture.channels + COLOURS;
    const float own = (float)scene_alpha(canvas->scene, pixel);
    picture_set_sample(&canvas->picture, at, to_sample(canvas, light * own));
}

void canvas_set(struct canvas *canvas, size_t pixel, int channels, int c, float light) {
    struct picture *picture = &canvas->picture;
    const size_t at = pixel * (size_t)picture->channels;
    if (canvas->wish.result == RESULT_ALPHA) {
        if (c == 0)
            set_alpha(canvas, pixel, light);
        return;
    }
    if (channels > 1 || picture->channels == 1) {
        picture_set_sample(picture, at + (size_t)c, to_sample(canvas, light));
        return;
    }
    for (size_t colour = 0; colour < COLOURS; colour++)
        picture_set_sample(picture, at + colour, to_sample(canvas, light));
}

static unsigned known_sample(const struct picture *from, size_t at, const struct picture *to) {
    const unsigned value = picture_sample(from, at);
    return from->depth == to->depth ? value : cut_off((float)value / (float)picture_peak(from), picture_peak(to));
}

static void copy_known(const struct picture *from, struct picture *to) {
    const size_t channels = (size_t)from->channels, colours = channels >= COLOURS ? COLOURS : 1;
    for (size_t i = 0; i < to->width * to->height; i++) {
        const size_t source = i * channels, target = i * (size_t)to->channels;
        for (size_t c = 0; c < COLOURS; c++)
            picture_set_sample(to, target + c, known_sample(from, source + (colours == 1 ? 0 : c), to));
        if (picture_has_alpha(from))
            picture_set_sample(to, target + COLOURS, known_sample(from, source + channels - 1, to));
    }
}

/* ---- opening ---- */

static status keep_painted(struct canvas *canvas, size_t pixels, struct error *err) {
    size_t count;
    if (!canvas->wish.blends)
        return STATUS_OK;
    if (size_mul(pixels, COLOURS, &count))
        canvas->painted = calloc(count, sizeof *canvas->painted);
    if (!canvas->painted)
        return fail_memory(err, "what was painted");
    for (size_t i = 0; i < count; i++)
        canvas->painted[i] = NAN;
    return STATUS_OK;
}

status canvas_open(struct canvas *canvas, const struct scene *scene, const struct canvas_wish *wish,
                   struct error *err) {
    const struct picture *from = &scene->picture;
    const size_t pixels = from->width * from->height;
    const bool alpha = picture_has_alpha(from) || wish->result == RESULT_ALPHA;
    *canvas = (struct canvas){.scene = scene, .wish = *wish, .up = 1, .down = 1, .seen = {.low = NAN, .high = NAN}};
    if (!scene->hole && wish->result == RESULT_PICTURE)
        return STATUS_OK;
    canvas->picture = (struct picture){from->width, from->height, COLOURS + alpha, wish->depth, NULL, NULL};
    const status code = picture_allocate(&canvas->picture, SIZE_MAX, err);
    if (code)
        return code;
    copy_known(from, &canvas->picture);
    canvas->edges = wish->wants_edges ? malloc(pixels) : NULL;
    if (wish->wants_edges && !canvas->edges)
        return fail_memory(err, "the edges");
    for (size_t i = 0; wish->wants_edges && i < pixels; i++)
        canvas->edges[i] = scene->edges[i] ? 255 : 0;
    return keep_painted(canvas, pixels, err);
}

void canvas_close(struct canvas *canvas) {
    picture_free(&canvas->picture);
    free(canvas->edges);
    free(canvas->painted);
    canvas->edges = NULL;
    canvas->painted = NULL;
}

static size_t common_divisor(size_t a, size_t b) {
    return b ? common_divisor(b, a % b) : a;
}

status canvas_begin(struct canvas *canvas, const struct light_map *map, size_t in_height, size_t in_width,
                    struct error *err) {
    const struct picture *from = &canvas->scene->picture;
    if (canvas->picture.samples)
        return STATUS_OK;
    const size_t common = common_divisor(map->height, in_height);
    canvas->up = map->height / common;
    canvas->down = in_height / common;
    if (map->width * canvas->down != in_width * canvas->up || (canvas->up > 1 && canvas->down > 1))
        return fail(err, STATUS_SHAPE,
                    "the model makes %zu by %zu of %zu by %zu pixels, which is no whole scale; limner run without "
                    "folders and tiles writes what it gives",
                    map->width, map->height, in_width, in_height);
    size_t height, width;
    if (!size_mul(from->height, canvas->up, &height) || !size_mul(from->width, canvas->up, &width))
        return fail_memory(err, "a picture");
    canvas->picture = (struct picture){canvas_scaled(canvas, from->width),
                                       canvas_scaled(canvas, from->height),
                                       map->channels,
                                       canvas->wish.depth,
                                       NULL,
                                       NULL};
    return picture_allocate(&canvas->picture, SIZE_MAX, err);
}

/* Of a gray file the colours stay sRGB: its profile is for gray alone. */
status canvas_restore_colours(struct canvas *canvas, struct error *err) {
    const struct picture *original = &canvas->scene->original;
    if (!original->samples || original->channels < COLOURS || canvas->picture.channels < COLOURS)
        return STATUS_OK;
    const status code = colour_from_srgb(&canvas->picture, canvas->scene->picture.about, err);
    const size_t channels = (size_t)canvas->picture.channels;
    const bool same = canvas->picture.width == original->width && canvas->picture.height == original->height;
    const size_t known = canvas->wish.result == RESULT_ALPHA ? COLOURS : channels;
    for (size_t i = 0; !code && same && i < original->width * original->height; i++) {
        if (canvas->wish.result == RESULT_PICTURE && scene_is_wanted(canvas->scene, i))
            continue;
        for (size_t c = 0; c < known; c++)
            picture_set_sample(&canvas->picture, i * channels + c,
                               known_sample(original, i * (size_t)original->channels + c, &canvas->picture));
    }
    return code;
}

/* ---- whole rectangles ---- */

static float light_at(const struct light_map *map, int channel, size_t y, size_t x) {
    return map->light[((size_t)channel * map->height + y) * map->width + x];
}

static void put_edge(struct canvas *canvas, size_t pixel, const struct light_map *edges, size_t y, size_t x) {
    if (canvas->edges && edges)
        canvas->edges[pixel] = (uint8_t)cut_off(light_at(edges, 0, y, x), 255);
}

/* One light of the result, where it is wanted; a model's single channel serves as all colours. */
static void put_light(struct canvas *canvas, size_t pixel, int channels, int c, float light) {
    const size_t plane = canvas->picture.width * canvas->picture.height;
    for (int k = 0; canvas->painted && k < COLOURS; k++)
        if (channels == 1 || k == c)
            canvas->painted[(size_t)k * plane + pixel] = light;
    if (!canvas->scene->hole || canvas->scene->hole[pixel])
        canvas_set(canvas, pixel, channels, c, look_at(canvas, light));
}

void canvas_put(struct canvas *canvas, const struct rect *rect, const struct light_map *map,
                const struct light_map *edges) {
    const size_t height = canvas_scaled(canvas, rect->height), width = canvas_scaled(canvas, rect->width);
    const size_t top = canvas_scaled(canvas, rect->y), left = canvas_scaled(canvas, rect->x);
    for (size_t y = 0; y < height; y++)
        for (size_t x = 0; x < width; x++) {
            const size_t pixel = (top + y) * canvas->picture.width + left + x;
            put_edge(canvas, pixel, edges, y, x);
            for (int c = 0; c < map->channels; c++)
                put_light(canvas, pixel, map->channels, c, light_at(map, c, y, x));
        }
}

/* ---- rows of tiles ---- */

status strip_open(struct tile_strip *strip, const struct canvas *canvas, size_t rows, size_t width, int channels,
                  struct error *err) {
    size_t count;
    *strip = (struct tile_strip){NULL, canvas_scaled(canvas, rows), canvas_scaled(canvas, width), 0, channels};
    if (size_mul(strip->rows, strip->width, &count) && size_mul(count, (size_t)channels, &count))
        strip->sums = calloc(count, sizeof *strip->sums);
    return strip->sums ? STATUS_OK : fail_memory(err, "a row of tiles");
}

void strip_close(struct tile_strip *strip) {
    free(strip->sums);
    strip->sums = NULL;
}

void strip_add(struct tile_strip *strip, struct canvas *canvas, const struct tiling *across, size_t column,
               const struct tiling *down, size_t row, const struct light_map *map, const struct light_map *edges) {
    const size_t left = canvas_scaled(canvas, tiling_start(across, column));
    const size_t width = canvas_scaled(canvas, tiling_length(across, column));
    const size_t height = canvas_scaled(canvas, tiling_length(down, row)), plane = strip->rows * strip->width;
    for (size_t y = 0; y < height; y++) {
        const float fade = tiling_weight(down, row, y * canvas->down / canvas->up);
        for (size_t x = 0; x < width; x++) {
            const float weight = fade * tiling_weight(across, column, x * canvas->down / canvas->up);
            const size_t at = y * strip->width + left + x;
            if (weight >= 0.5f)
                put_edge(canvas, strip->top * strip->width + at, edges, y, x);
            for (int c = 0; weight > 0 && c < map->channels; c++)
                strip->sums[(size_t)c * plane + at] += weight * light_at(map, c, y, x);
        }
    }
}

void strip_finish(struct tile_strip *strip, struct canvas *canvas, size_t count) {
    const size_t rows = canvas_scaled(canvas, count), plane = strip->rows * strip->width, done = rows * strip->width;
    for (size_t i = 0; i < done; i++)
        for (int c = 0; c < strip->channels; c++)
            put_light(canvas, strip->top * strip->width + i, strip->channels, c, strip->sums[(size_t)c * plane + i]);
    for (int c = 0; c < strip->channels; c++) {
        float *sums = strip->sums + (size_t)c * plane;
        memmove(sums, sums + done, (plane - done) * sizeof *sums);
        memset(sums + plane - done, 0, done * sizeof *sums);
    }
    strip->top += rows;
}
