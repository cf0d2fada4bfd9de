/*
 * Minimal filtering on channel blocks, for its own files: a block of tiles, whose transformed inputs stand ready, and a
 * panel of output channels for a segment of its tiles, whose sums stay in a small cache from the first product to the
 * last transform.
 */
#ifndef LIMNER_OPS_BLOCKED_FILTER_H
#define LIMNER_OPS_BLOCKED_FILTER_H

#include "ops/blocked.h"

struct filter_block {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct filter_lattice *lattice;
    int64_t image; /* batch row and group */
    int64_t tile0, count;
    int64_t depth0, depth_end; /* the stretch whose inputs stand ready */
    float *inputs;             /* [point][channel block][tile][16] */
};

/* Tiles first..end of a block by the channel blocks of one panel. */
struct filter_panel {
    const struct filter_block *block;
    int64_t row; /* first channel block of the output */
    int rows;
    int64_t first, end;
    float *sums;    /* [point][row][tile][16] */
    float *weights; /* [point][depth][lanes] of a cut, or of the whole depth, that is transformed in passing */
};

/* From one point to the next in weights that were transformed in passing, in floats: no power of two. */
static inline int64_t filter_weights_point(const struct filter_shape *shape) {
    return (shape->cut * CHANNEL_BLOCK * shape->panel + 1) * CHANNEL_BLOCK;
}

/* The inputs of one channel block of the depth, transformed into the block (blocked_transform.c). */
void filter_read_tiles(const struct filter_block *block, int64_t depth, int64_t first, int64_t end);
/* A panel's sums, transformed to outputs, with bias and activation. */
void filter_write_tiles(const struct filter_panel *panel);
/* Products and outputs of a panel whose weights are kept by points (blocked_panel.c). */
void filter_run_panel(const struct filter_panel *panel);
/* Where they are kept by taps: transforms those of some channel blocks of the depth into the panel's weights, ... */
void filter_expand(const struct filter_panel *panel, int64_t depth, int64_t depths);
/* ... with which any segment adds its products. */
void filter_add_products(const struct filter_panel *panel, int64_t depth, int64_t depths);

#endif
