/* Planning two convolutions as one: which rows meet which, how they are cut, and what that takes. */
#ifndef LIMNER_OPS_BLOCKED_FUSED_FUSED_PLAN_H
#define LIMNER_OPS_BLOCKED_FUSED_FUSED_PLAN_H

#include "ops/blocked/blocked.h"

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

/* Floats of a row of a channel block of the outputs, and of all of them. */
static inline int64_t stripes_block_row(const struct blocked_state *state) {
    return state->window.axis[2].out * CHANNEL_BLOCK;
}
static inline int64_t stripes_row(const struct blocked_state *state) {
    return channel_blocks(state->window.out_channels) * stripes_block_row(state);
}

status blocked_join(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err);

/* The rows of the input that rows out..out + unit - 1 of the outputs meet; none: first >= end. */
struct rows stripes_met(const struct blocked_state *state, int64_t out, int64_t unit);
/* From `out` on, the first row of the outputs that meets rows from `end` on. */
int64_t stripes_ready(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end);
/* The first row that is still needed when all rows before `end` are there, and the outputs go on at `out`. */
int64_t stripes_needed(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end);
/* The phases for some rows of one image, written from row `top` of them on: into part, and as many phases. */
void stripes_narrow(const struct blocked_state *full, const struct kernels *kernels, struct rows rows, int64_t top,
                    struct blocked_state *part, struct blocked_phase *phases);

#endif
