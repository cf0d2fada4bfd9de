/* How a side of a picture is cut into tiles that overlap, and how they are blended without a visible border. */
#ifndef LIMNER_TOOLS_INPAINT_TILES_H
#define LIMNER_TOOLS_INPAINT_TILES_H

#include <stddef.h>

struct tiling {
    size_t length; /* of the side */
    size_t size, step, overlap;
    size_t count;
};

/*
 * size is at least 2 * overlap; both are multiples of `multiple`, so that every tile lies on the grid of the model's
 * strides. The last tile ends with the picture.
 */
struct tiling tiling_make(size_t length, size_t size, size_t overlap);
size_t tiling_start(const struct tiling *tiling, size_t tile);
size_t tiling_length(const struct tiling *tiling, size_t tile);

/*
 * What tile's position `at` counts. The weights of the tiles at one place add up to 1. The outer parts of an overlap,
 * where a tile's border shows, count nothing: tiles fade into each other over an eighth of it, in its middle.
 */
float tiling_weight(const struct tiling *tiling, size_t tile, size_t at);
/* So far may a model look for tiles to give the same as the whole picture. */
size_t tiling_reach(size_t overlap);

#endif
