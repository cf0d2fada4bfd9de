/* The picture that is being painted. */
#ifndef LIMNER_TOOLS_INPAINT_CANVAS_H
#define LIMNER_TOOLS_INPAINT_CANVAS_H

#include "runtime/limner.h"
#include "tools/files/picture_tensor.h"
#include "tools/inpaint/regions.h"
#include "tools/inpaint/scene.h"
#include "tools/inpaint/tiles.h"

struct canvas {
    const struct scene *scene;
    struct picture picture; /* RGB, and alpha where the scene has it */
    uint8_t *edges;         /* what the edge model drew, 0..255; NULL when nobody wants it */
    struct picture_form form;
    size_t not_numbers; /* samples that were NaN, and are black */
};

/* The scene's picture in RGB with `depth` bits. Closed with canvas_close, after errors too. */
status canvas_open(struct canvas *canvas, const struct scene *scene, const struct picture_form *form, int depth,
                   bool wants_edges, struct error *err);
void canvas_close(struct canvas *canvas);

/* Colours back into the file's own profile, where the scene's were converted; what is no hole is the file's then. */
status canvas_restore_colours(struct canvas *canvas, struct error *err);

/* Puts a model's output (and the edge model's, or NULL) into the rectangle's holes. */
void canvas_put(struct canvas *canvas, const struct rect *rect, const limner_tensor *output,
                const limner_tensor *edges);

/* A row of tiles, as weighted sums. */
struct tile_strip {
    float *sums; /* 3 planes of rows * width */
    size_t rows, width;
    size_t top; /* where it lies in the picture */
};

status strip_open(struct tile_strip *strip, size_t rows, size_t width, struct error *err);
void strip_close(struct tile_strip *strip);
void strip_add(struct tile_strip *strip, struct canvas *canvas, const struct tiling *across, size_t column,
               const struct tiling *down, size_t row, const limner_tensor *output, const limner_tensor *edges);
/* Paints the first `count` rows and moves down by them. */
void strip_finish(struct tile_strip *strip, struct canvas *canvas, size_t count);

#endif
