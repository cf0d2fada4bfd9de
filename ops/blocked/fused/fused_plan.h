/* Planning two convolutions as one: which rows meet which, row tiles, bands and halos, and the memory for them. */
#ifndef LIMNER_OPS_BLOCKED_FUSED_FUSED_PLAN_H
#define LIMNER_OPS_BLOCKED_FUSED_FUSED_PLAN_H

#include "ops/blocked/blocked.h"

/* Rows of the second convolution's output that meet two bands, and the rows between the two that they meet. */
struct fused_halo {
    struct row_range out, met;
};

/* How the two run. Rows are those of the first one's output; sizes of memory are in floats. */
struct row_tiling {
    int64_t rows, band;             /* of a row tile; of a band */
    int64_t bands;                  /* of an image */
    int64_t unit;                   /* rows of the second one's output that are computed together */
    int64_t buffer_rows, halo_rows; /* of a thread's buffer; of a halo, at most */
    size_t bias, halos;             /* shared: biases of both; copies of the rows at halos */
    size_t tables, buffer, work; /* scratch: phases of a row tile; rows; the algorithms' shared memory, then scratch */
    struct fused_halo halo[];    /* after each band but the last */
};

/* Floats of a row of the output: of one channel block, and of all. */
static inline int64_t fused_block_row_floats(const struct blocked_state *state) {
    return state->window.axis[2].out * CHANNEL_BLOCK;
}
static inline int64_t fused_row_floats(const struct blocked_state *state) {
    return channel_blocks(state->window.out_channels) * fused_block_row_floats(state);
}

/* Plans both as one where that pays: sets row_tiling of the second, and its memory. Else *workspace_bytes is 0. */
status blocked_fuse(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err);

/* The rows of the input that rows out..out + unit - 1 of the output meet. */
struct row_range fused_rows_met(const struct blocked_state *state, int64_t out, int64_t unit);
/* The first row of the output, from `out` on, that meets a row from `end` on: all before it can be computed. */
int64_t fused_rows_ready(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end);
/* The first row before `end` that the output still meets from `out` on; `end`: none. */
int64_t fused_first_needed(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end);
/* The state for some rows of the output of one image, counted from row `top` on; fills in part and its phases. */
void fused_limit_rows(const struct blocked_state *full, const struct kernels *kernels, struct row_range rows,
                      int64_t top, struct blocked_state *part, struct blocked_phase *phases);

#endif
