/*
 * Minimal filtering on channel blocks, for its own files: a block of tiles, whose transformed inputs stand ready, and a
 * panel of output channels for a segment of its tiles, whose sums stay in a small cache from the first product to the
 * last transform.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_BLOCK_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_BLOCK_H

#include "ops/blocked/blocked.h"

struct filter_block {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    const struct filter_lattice *lattice;
    int64_t image; /* batch row and group */
    int64_t tile0, count;
    int64_t depth0, depth_end; /* the stretch whose inputs stand ready */
    float *inputs;             /* [point][channel block][tile of the round][16], from the block's first tile on */
};

/* What tiles read of a panel's weights: a tap, or, where tap < 0, one of the numbers that were made of some. */
struct filter_number {
    int8_t tap, made;
};

/* The weights of a point; of a pair, those of first + factor * second. */
struct filter_source {
    int point;
    bool pair;
    float factor;
    struct filter_number first, second;
};
#define FILTER_MOST (FILTER_POINTS * FILTER_POINTS)

/* Tiles first..end of the blocks of a round, or of one, by the channel blocks of one panel. */
struct filter_panel {
    const struct filter_block *block; /* the first one; their inputs lie side by side */
    int64_t row;                      /* first channel block of the output */
    int rows;
    int64_t first, end; /* tiles, counted through all blocks */
    float *sums;        /* [point][row][tile][16] */
    /* Where weights are kept by taps: */
    float *weights;                      /* what is made of them: [number][depth][lanes] of a cut */
    const struct filter_source *sources; /* of every point */
};

/* Numbers that are made of the taps of a pair of channels. */
static inline int filter_made(const struct filter_lattice *lattice) {
    const struct filter_axis *y = &lattice->axis[0], *x = &lattice->axis[1];
    if (lattice->weights == FILTER_PAIRS)
        return y->taps > 1 && x->taps > 1 ? y->taps * x->points : 0;
    return lattice->weights == FILTER_PANELS ? filter_kept_points(y->kind) * filter_kept_points(x->kind) : 0;
}
/* From one of them to the next, in floats: no power of two. */
static inline int64_t filter_made_place(const struct filter_shape *shape) {
    return (shape->cut * CHANNEL_BLOCK * shape->panel + 1) * CHANNEL_BLOCK;
}

#endif
