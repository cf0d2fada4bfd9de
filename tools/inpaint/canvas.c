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

static void put_sample(struct canvas *canvas, size_t pixel, size_t channel, float value) {
    const struct picture_form *form = &canvas->form;
    float light = (float)(((double)value - form->low) / (form->high - form->low));
    if (isnan(light)) {
        canvas->not_numbers++;
        light = 0;
    }
    const size_t colour = form->blue_first ? 2 - channel : channel;
    picture_set_sample(&canvas->picture, pixel * (size_t)canvas->picture.channels + colour,
                       cut_off(light, picture_peak(&canvas->picture)));
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

status canvas_open(struct canvas *canvas, const struct scene *scene, const struct picture_form *form, int depth,
                   bool wants_edges, struct error *err) {
    const struct picture *from = &scene->picture;
    const size_t pixels = from->width * from->height;
    *canvas = (struct canvas){.scene = scene, .form = *form};
    canvas->picture =
        (struct picture){from->width, from->height, COLOURS + (picture_has_alpha(from) ? 1 : 0), depth, NULL, NULL};
    const status code = picture_allocate(&canvas->picture, SIZE_MAX, err);
    if (code)
        return code;
    copy_known(from, &canvas->picture);
    canvas->edges = wants_edges ? malloc(pixels) : NULL;
    if (wants_edges && !canvas->edges)
        return fail_memory(err, "the edges");
    for (size_t i = 0; wants_edges && i < pixels; i++)
        canvas->edges[i] = scene->edges[i] ? 255 : 0;
    return STATUS_OK;
}

void canvas_close(struct canvas *canvas) {
    picture_free(&canvas->picture);
    free(canvas->edges);
    canvas->edges = NULL;
}

/* Of a gray file the colours stay sRGB: its profile is for gray alone. */
status canvas_restore_colours(struct canvas *canvas, struct error *err) {
    const struct picture *original = &canvas->scene->original;
    if (!original->samples || original->channels < COLOURS)
        return STATUS_OK;
    const status code = colour_from_srgb(&canvas->picture, canvas->scene->picture.about, err);
    const size_t channels = (size_t)canvas->picture.channels;
    for (size_t i = 0; !code && i < original->width * original->height; i++)
        for (size_t c = 0; !canvas->scene->hole[i] && c < channels; c++)
            picture_set_sample(&canvas->picture, i * channels + c,
                               known_sample(original, i * channels + c, &canvas->picture));
    return code;
}

/* ---- whole rectangles ---- */

static float output_at(const limner_tensor *output, size_t channel, size_t y, size_t x) {
    const float *data = output->data;
    return data[(channel * (size_t)output->dims[2] + y) * (size_t)output->dims[3] + x];
}

static void put_edge(struct canvas *canvas, size_t pixel, const limner_tensor *edges, size_t y, size_t x) {
    if (canvas->edges && edges)
        canvas->edges[pixel] = (uint8_t)cut_off(output_at(edges, 0, y, x), 255);
}

void canvas_put(struct canvas *canvas, const struct rect *rect, const limner_tensor *output,
                const limner_tensor *edges) {
    for (size_t y = 0; y < rect->height; y++)
        for (size_t x = 0; x < rect->width; x++) {
            const size_t pixel = (rect->y + y) * canvas->picture.width + rect->x + x;
            put_edge(canvas, pixel, edges, y, x);
            for (size_t c = 0; canvas->scene->hole[pixel] && c < COLOURS; c++)
                put_sample(canvas, pixel, c, output_at(output, c, y, x));
        }
}

/* ---- rows of tiles ---- */

status strip_open(struct tile_strip *strip, size_t rows, size_t width, struct error *err) {
    size_t count;
    *strip = (struct tile_strip){NULL, rows, width, 0};
    if (size_mul(rows, width, &count) && size_mul(count, COLOURS, &count))
        strip->sums = calloc(count, sizeof *strip->sums);
    return strip->sums ? STATUS_OK : fail_memory(err, "a row of tiles");
}

void strip_close(struct tile_strip *strip) {
    free(strip->sums);
    strip->sums = NULL;
}

void strip_add(struct tile_strip *strip, struct canvas *canvas, const struct tiling *across, size_t column,
               const struct tiling *down, size_t row, const limner_tensor *output, const limner_tensor *edges) {
    const size_t left = tiling_start(across, column), width = tiling_length(across, column);
    const size_t height = tiling_length(down, row), plane = strip->rows * strip->width;
    for (size_t y = 0; y < height; y++) {
        const float fade = tiling_weight(down, row, y);
        for (size_t x = 0; x < width; x++) {
            const float weight = fade * tiling_weight(across, column, x);
            const size_t at = y * strip->width + left + x;
            if (weight >= 0.5f)
                put_edge(canvas, strip->top * strip->width + at, edges, y, x);
            for (size_t c = 0; weight > 0 && c < COLOURS; c++)
                strip->sums[c * plane + at] += weight * output_at(output, c, y, x);
        }
    }
}

void strip_finish(struct tile_strip *strip, struct canvas *canvas, size_t count) {
    const size_t plane = strip->rows * strip->width, done = count * strip->width;
    for (size_t i = 0; i < done; i++) {
        const size_t pixel = strip->top * strip->width + i;
        for (size_t c = 0; canvas->scene->hole[pixel] && c < COLOURS; c++)
            put_sample(canvas, pixel, c, strip->sums[c * plane + i]);
    }
    for (size_t c = 0; c < COLOURS; c++) {
        float *sums = strip->sums + c * plane;
        memmove(sums, sums + done, (plane - done) * sizeof *sums);
        memset(sums + plane - done, 0, done * sizeof *sums);
    }
    strip->top += count;
}
