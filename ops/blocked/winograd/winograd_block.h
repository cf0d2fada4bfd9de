/*
 * Winograd on channel blocks, for its own files: a block of tiles, whose transformed inputs stand ready, and a
 * panel of output channels for a segment of its tiles, whose sums stay in a small cache from the first product to the
 * last transform.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_BLOCK_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_BLOCK_H

#include "ops/blocked/blocked.h"

struct winograd_block {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct winograd_grid *grid;
    int64_t image; /* batch row and group */
    int64_t tile0, count;
    int64_t depth0, depth_end; /* the k-slice whose inputs stand ready */
    float *inputs;             /* [element][channel block][tile of the wave][16], from the block's first tile on */
};

/* What tiles read of a panel's weights: a tap, or, where tap < 0, one of the numbers that were made of some. */
struct winograd_number {
    int8_t tap, made;
};

/* The weights of a element; of a pair, those of first + factor * second. */
struct winograd_weight {
    int point;
    bool pair;
    float factor;
    struct winograd_number first, second;
};
#define WINOGRAD_MOST_ELEMENTS (WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS)

/* Tiles first..end of the blocks of a wave, or of one, by the channel blocks of one panel. */
struct winograd_panel {
    const struct winograd_block *block; /* the first one; their inputs lie side by side */
    int64_t row;                        /* first channel block of the output */
    int rows;
    int64_t first, end; /* tiles, counted through all blocks */
    float *sums;        /* [element][row][tile][16] */
    /* Where weights are stored as taps: */
    float *weights;                        /* what is made of them: [number][depth][lanes] of a k-block */
    const struct winograd_weight *sources; /* of every element */
};

/* Numbers that are made of the taps of a pair of channels. */
static inline int winograd_made(const struct winograd_grid *grid) {
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    if (grid->weights == WINOGRAD_IN_KERNEL)
        return y->taps > 1 && x->taps > 1 ? y->taps * x->elements : 0;
    return grid->weights == WINOGRAD_PER_PANEL
               ? winograd_distinct_elements(y->kind) * winograd_distinct_elements(x->kind)
               : 0;
}
/* From one of them to the next, in floats: no power of two. */
static inline int64_t winograd_made_place(const struct winograd_tiling *tiling) {
    return (tiling->k_block * CHANNEL_BLOCK * tiling->panel + 1) * CHANNEL_BLOCK;
}

#endif
