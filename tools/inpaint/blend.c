#include "tools/inpaint/blend.h"

#include "tools/inpaint/laplace.h"

#include <math.h>
#include <stdlib.h>

#define COLOURS 3
#define FARTHEST 1e4F /* what is painted farther from black and white is no painting: NaN, infinity, nonsense */

/* One rectangle round holes, its rim included. */
struct blend_piece {
    struct rect rect;
    uint8_t *pixels;
    float *missed; /* three planes: known less painted on the rim, then everywhere */
};

static void read_pixel(const struct canvas *canvas, const struct blend_piece *piece, size_t at, size_t pixel) {
    const size_t plane = canvas->picture.width * canvas->picture.height, area = piece->rect.width * piece->rect.height;
    piece->pixels[at] = canvas->scene->hole[pixel] ? LAPLACE_UNKNOWN : LAPLACE_KNOWN;
    for (size_t c = 0; c < COLOURS && piece->pixels[at] == LAPLACE_KNOWN; c++) {
        const float painted = canvas->painted[c * plane + pixel];
        piece->missed[c * area + at] = scene_light(canvas->scene, pixel, (int)c) - painted;
        if (!(fabsf(painted) < FARTHEST))
            piece->pixels[at] = LAPLACE_NOTHING;
    }
}

static void write_pixel(struct canvas *canvas, const struct blend_piece *piece, size_t at, size_t pixel) {
    const size_t plane = canvas->picture.width * canvas->picture.height, area = piece->rect.width * piece->rect.height;
    if (!canvas->scene->hole[pixel])
        return;
    for (size_t c = 0; c < COLOURS; c++) {
        const float light = canvas->painted[c * plane + pixel] + piece->missed[c * area + at];
        canvas_set(canvas, pixel, COLOURS, (int)c, isnan(light) ? 0 : light);
    }
}

static status blend_rect(struct canvas *canvas, const struct rect *rect, int threads, struct error *err) {
    const size_t area = rect->width * rect->height;
    struct blend_piece piece = {*rect, malloc(area), calloc(area, COLOURS * sizeof(float))};
    status code = piece.pixels && piece.missed ? STATUS_OK : fail_memory(err, "blending");
    for (size_t i = 0; !code && i < area; i++)
        read_pixel(canvas, &piece, i, (rect->y + i / rect->width) * canvas->picture.width + rect->x + i % rect->width);
    if (!code)
        code = laplace_solve(piece.pixels, rect->height, rect->width, piece.missed, COLOURS, threads, err);
    for (size_t i = 0; !code && i < area; i++)
        write_pixel(canvas, &piece, i, (rect->y + i / rect->width) * canvas->picture.width + rect->x + i % rect->width);
    free(piece.pixels);
    free(piece.missed);
    return code;
}

status blend_laplace(struct canvas *canvas, int threads, struct error *err) {
    struct rect_list list;
    status code = regions_find(canvas->scene->hole, canvas->picture.width, canvas->picture.height, 1, 1, &list, err);
    for (size_t i = 0; !code && i < list.count; i++)
        code = blend_rect(canvas, &list.items[i], threads, err);
    free(list.items);
    return code;
}
