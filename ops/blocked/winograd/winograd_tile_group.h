/*
 * A tile group, whose transformed inputs stand ready for a k-slice, and a panel of output channels for a segment of its
 * tiles, whose sums stay in L2 from the first product to the output transform.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILE_GROUP_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILE_GROUP_H

#include "ops/blocked/blocked.h"

struct winograd_tile_group {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct winograd_grid *grid;
    int64_t image;
    int64_t tile0, count;      /* its first tile in the image, and how many it has */
    int64_t depth0, depth_end; /* the k-slice whose transformed inputs stand ready */
    float *inputs;             /* [element][channel block][tile of the wave][16], from the group's first tile on */
    uint16_t *largest;         /* magnitudes of its pixels, see winograd_range.h */
    uint8_t *suspects;         /* of each tile: whether it is suspect */
};

/* Where weights lie: with the stored taps, or, where tap < 0, with the expanded weights in scratch. */
struct winograd_operand {
    int8_t tap, expanded;
};

/* The weights of an element: first, or first + factor * second. */
struct winograd_weight {
    int element;
    bool two_term;
    float factor;
    struct winograd_operand first, second;
};
#define WINOGRAD_MOST_ELEMENTS (WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS)

/* Tiles first..end of a tile group, or of a wave, by the channel blocks of one panel. */
struct winograd_panel {
    const struct winograd_tile_group *group; /* the first one of a wave; the others follow, and so do their inputs */
    int64_t block0;                          /* first channel block of the output */
    int blocks;
    int64_t first, end; /* tiles, counted through all tile groups */
    float *sums;        /* [element][channel block][tile][16] */
    /* Where weights are stored as taps: */
    float *weights;                        /* expanded: [operand][depth][lanes] of a k-block */
    const struct winograd_weight *sources; /* of every element */
};

/* Weights that are expanded from the taps of one input and one output channel. */
static inline int winograd_expanded_count(const struct winograd_grid *grid) {
    const struct winograd_axis *y = &grid->axis[0], *x = &grid->axis[1];
    if (grid->weights == WINOGRAD_IN_KERNEL)
        return y->taps > 1 && x->taps > 1 ? y->taps * x->elements : 0;
    return grid->weights == WINOGRAD_PER_PANEL
               ? winograd_distinct_elements(y->kind) * winograd_distinct_elements(x->kind)
               : 0;
}
/* Floats from one of them to the next: no power of two. */
static inline int64_t winograd_expanded_stride(const struct winograd_tiling *tiling) {
    return (tiling->k_block * CHANNEL_BLOCK * tiling->panel + 1) * CHANNEL_BLOCK;
}

#endif
