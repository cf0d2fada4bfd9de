/* The picture that is being made: painted in its holes, or all of it, perhaps larger than the one it is made of. */
#ifndef LIMNER_TOOLS_INPAINT_CANVAS_H
#define LIMNER_TOOLS_INPAINT_CANVAS_H

#include "tools/inpaint/piece.h"
#include "tools/inpaint/tiles.h"

struct canvas_wish {
    enum result_word result;
    int depth; /* bits */
    bool wants_edges;
    bool blends; /* keeps what was painted, for canvas_blend */
};

/* What the numbers of a result were like, as light: black 0, white 1. */
struct light_range_seen {
    size_t samples, outside, not_numbers;
    double low, high;
};

struct canvas {
    const struct scene *scene;
    struct canvas_wish wish;
    struct picture picture; /* without samples until canvas_begin, where there is no mask and the result is a picture */
    size_t up, down;        /* its sides are the scene's, times up, divided by down */
    uint8_t *edges;         /* what the edge model drew, 0..255; NULL when nobody wants it */
    float *painted;         /* three planes of light, NaN where nothing was painted; NULL when nobody wants them */
    struct light_range_seen seen;
};

/* Closed with canvas_close, after errors too. */
status canvas_open(struct canvas *canvas, const struct scene *scene, const struct canvas_wish *wish, struct error *err);
void canvas_close(struct canvas *canvas);

/* Once the first result is there: the scale is the result's size by that of what went in. */
status canvas_begin(struct canvas *canvas, const struct light_map *map, size_t in_height, size_t in_width,
                    struct error *err);
/* So many pixels of the scene as pixels of the result, rounded up. */
static inline size_t canvas_scaled(const struct canvas *canvas, size_t side) {
    return (side * canvas->up + canvas->down - 1) / canvas->down;
}

/* Colours back into the file's own profile, where the scene's were converted; what is no hole is the file's then. */
status canvas_restore_colours(struct canvas *canvas, struct error *err);

/* Puts a result (and the edge model's, or NULL) into the rectangle, which is the scene's: into its holes, if it has. */
void canvas_put(struct canvas *canvas, const struct rect *rect, const struct light_map *map,
                const struct light_map *edges);
/* One pixel of the result, by the light of channel c. */
void canvas_set(struct canvas *canvas, size_t pixel, int channels, int c, float light);

/* A row of tiles, as weighted sums. */
struct tile_strip {
    float *sums; /* four planes of rows * width, of the result's pixels */
    size_t rows, width;
    size_t top; /* where it lies in the result */
    int channels;
};

/* rows and width: of the scene, for a canvas that has begun. */
status strip_open(struct tile_strip *strip, const struct canvas *canvas, size_t rows, size_t width, int channels,
                  struct error *err);
void strip_close(struct tile_strip *strip);
void strip_add(struct tile_strip *strip, struct canvas *canvas, const struct tiling *across, size_t column,
               const struct tiling *down, size_t row, const struct light_map *map, const struct light_map *edges);
/* Paints the first `count` rows of the scene and moves down by them. */
void strip_finish(struct tile_strip *strip, struct canvas *canvas, size_t count);

#endif
