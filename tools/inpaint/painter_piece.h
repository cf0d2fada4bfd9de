/* One piece of a picture through the models: sizes, memory, and back to the piece's own size. */
#ifndef LIMNER_TOOLS_INPAINT_PAINTER_PIECE_H
#define LIMNER_TOOLS_INPAINT_PAINTER_PIECE_H

#include "tools/inpaint/canvas.h"
#include "tools/inpaint/painter_state.h"

/* What came out for a rectangle; freed with piece_result_free. */
struct piece_result {
    struct light_map map, edges; /* edges: without light where there is no edge model */
    size_t in_height, in_width;  /* what the map is the result of */
};
void piece_result_free(struct piece_result *result);

/* Bytes that both models together need for a rectangle. */
struct piece_memory {
    size_t activations;
    size_t all; /* packed weights, what goes in and comes out, and what the whole picture takes, too */
};
/* For a rectangle of this size, after a plan for it. */
status painter_memory_for(struct painter *painter, size_t height, size_t width, struct piece_memory *memory,
                          struct error *err);
/* result->map covers the rectangle, times the model's scale. */
status painter_run_piece(struct painter *painter, const struct scene *scene, const struct rect *rect,
                         struct piece_result *result, struct error *err);

#endif
