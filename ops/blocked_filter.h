/* Minimal filtering on channel blocks, for its own two files: a block of tiles, and the stages that it goes through. */
#ifndef LIMNER_OPS_BLOCKED_FILTER_H
#define LIMNER_OPS_BLOCKED_FILTER_H

#include "ops/blocked.h"

/* Sizes that follow from a lattice. */
struct filter_shape {
    int points;          /* products per tile */
    int64_t depth, rows; /* channel blocks */
    int64_t tiles, size; /* of an image, of a block */
    int64_t plane;       /* floats of one channel block of one point: tiles and some lines more, no power of two */
    bool shared;         /* all threads work on one block; else each on one of its own */
};

struct filter_block {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct filter_lattice *lattice;
    struct filter_shape shape;
    int64_t image; /* batch row and group */
    int64_t tile0, count;
    float *inputs, *sums; /* [point][channel block][tile][16] */
};

/* The stages on tiles first..end of the block: inputs of one channel block of the depth, outputs of one of the rows. */
void filter_read_tiles(const struct filter_block *block, int64_t depth, int64_t first, int64_t end);
void filter_write_tiles(const struct filter_block *block, int64_t row, int64_t first, int64_t end);

#endif
