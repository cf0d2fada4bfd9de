/*
 * Two convolutions as one: the first makes a stripe of rows, which stays in a large cache, and the second turns it into
 * its own rows before the next one takes its place. So an output of many megabytes never goes to memory.
 *
 * A thread goes down a band of stripes. What it needs again of a stripe moves to the top of its buffer. Rows of the
 * second convolution that meet two bands, a seam, wait until all bands are done: bands leave copies of the rows there.
 */
#ifndef LIMNER_OPS_BLOCKED_FUSED_FUSED_H
#define LIMNER_OPS_BLOCKED_FUSED_FUSED_H

#include "ops/blocked/blocked.h"

/* Rows first..end - 1. */
struct rows {
    int64_t first, end;
};

/* Rows of the second convolution between two bands, and the rows that they meet. */
struct seam {
    struct rows out, met;
};

/* How the two run together; sizes of the workspace in floats. */
struct stripes {
    int64_t rows, band; /* of the first one's output: of a stripe, of a band */
    int64_t bands;      /* of an image */
    int64_t unit;       /* rows of the second one that belong together */
    int64_t held;       /* rows of a thread's buffer */
    int64_t seam_rows;
    size_t bias, seams;          /* biases, copies of the rows at seams */
    size_t tables, buffer, work; /* of a thread: phases of a stripe, rows, the algorithms' shared workspace; then own */
    struct seam seam[];          /* behind each band but the last */
};

/* The rows of the input that rows out..out + unit - 1 of the outputs meet; none: first >= end. */
struct rows stripes_met(const struct blocked_state *state, int64_t out, int64_t unit);
/* From `out` on, the first row of the outputs that meets rows from `end` on. */
int64_t stripes_ready(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end);
/* The first row that is still needed when all rows before `end` are there, and the outputs go on at `out`. */
int64_t stripes_needed(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end);
/* The phases for some rows of one image, written from row `top` of them on: into part, and as many phases. */
void stripes_narrow(const struct blocked_state *full, const struct kernels *kernels, struct rows rows, int64_t top,
                    struct blocked_state *part, struct blocked_phase *phases);

/* Floats of a row of a channel block of the outputs, and of all of them. */
static inline int64_t stripes_block_row(const struct blocked_state *state) {
    return state->window.axis[2].out * CHANNEL_BLOCK;
}
static inline int64_t stripes_row(const struct blocked_state *state) {
    return channel_blocks(state->window.out_channels) * stripes_block_row(state);
}

#endif
