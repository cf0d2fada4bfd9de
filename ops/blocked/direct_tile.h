/* A macro tile of the direct convolution: some positions by some output channels, which one thread computes. */
#ifndef LIMNER_OPS_BLOCKED_DIRECT_TILE_H
#define LIMNER_OPS_BLOCKED_DIRECT_TILE_H

#include "ops/blocked/blocked.h"

#define DIRECT_POSITIONS 264 /* of a macro tile, at most: their sums stay in L2 between k-blocks */
#define DIRECT_BLOCKS 4      /* channel blocks of a macro tile, at most: one panel, or several with one indirection */
#define DIRECT_LANES (DIRECT_BLOCKS * CHANNEL_BLOCK)

/* The caller sets the members up to `last`. */
struct direct_macro_tile {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    int64_t image;
    int64_t first; /* output position, counted through the rows of the phase */
    int count;
    int64_t block0; /* first channel block of the output */
    int blocks;
    bool last; /* of its output channels: the next macro tile reads the weights that follow */
    struct blocked_input input;
    bool contiguous;            /* one tap, and inputs follow each other as the positions do */
    int64_t inner[2][2];        /* rows and columns of positions all of whose inputs lie inside: first, end */
    const float *packed;        /* weights of the group */
    float *sums;                /* [position][lanes] */
    struct block_pixel *pixels; /* indirection buffer */
    int64_t *offsets;           /* from the first entry to every one, where all inputs lie inside */
    const float **outputs;      /* cache lines of a register tile's outputs, to be prefetched */
};

/* Scratch of a thread. */
size_t direct_scratch_bytes(const struct blocked_phase *phase);
void direct_run_macro_tile(struct direct_macro_tile macro, float *scratch);

#endif
