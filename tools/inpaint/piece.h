/* A piece of a picture on its way through a network, and what comes out. */
#ifndef LIMNER_TOOLS_INPAINT_PIECE_H
#define LIMNER_TOOLS_INPAINT_PIECE_H

#include "tools/inpaint/grid.h"
#include "tools/inpaint/network.h"
#include "tools/inpaint/regions.h"
#include "tools/inpaint/scene.h"

#include <stdlib.h>

/* A result as light, black 0 and white 1, not clamped: planes in the order R, G, B, alpha, or gray alone. */
struct light_map {
    float *light; /* on the heap */
    int channels;
    size_t height, width;
};
static inline void light_map_free(struct light_map *map) {
    free(map->light);
    *map = (struct light_map){.light = NULL};
}

/* rect of the scene, continued by reflection to height x width. */
struct scene_piece {
    const struct scene *scene;
    struct rect rect;
    size_t height, width;
    const struct light_map *edges; /* the edge model's output for this piece, for PLANE_EDGE */
    const struct mask_grid *grid;
    size_t cell; /* pixels for each place of the grid */
};

#endif
