/*
 * A band of the few-output convolution: some columns of some rows of the output, which one thread computes from the top
 * to the bottom.
 */
#ifndef LIMNER_OPS_BLOCKED_FEW_OUTPUTS_BAND_H
#define LIMNER_OPS_BLOCKED_FEW_OUTPUTS_BAND_H

#include "base/thread_team.h"
#include "ops/blocked/blocked.h"

#define FEW_OUTPUTS_MOST CHANNEL_BLOCK /* output channels of an input in channel blocks, at most */

struct few_outputs_band {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct blocked_input input;
    int64_t image, first, end, x, columns; /* rows first..end of the output; its columns from x on */
    /* Columns of the input that are met: the first one, and how many a line has. */
    int64_t left, in_columns;
    struct {
        int64_t first, end; /* those of the line of a residue that lie inside */
    } inner[FEW_OUTPUTS_STEP];
    int64_t residues;
    int sizes[FEW_OUTPUTS_CHANNELS + 1]; /* pixels of a register tile, by its channels */
    int64_t lead;      /* floats before a line's first column: its inner ones begin with a cache line */
    int64_t line, row; /* floats of a line, and of a transposed row */
    float *transposed; /* [slot][input channel][residue][line] */
    float *sums;       /* [output channel, or row][SUMS_LINE] */
    int64_t offsets[FEW_OUTPUTS_REACH + 1]; /* of every tap of x, from the left: from the first line's first column */
    struct block_pixel *lines;              /* of every tap of y: its first line, and the step to the next */
    int64_t *held_row;                      /* the input row that a slot holds */
};

/* Inputs from the first tap of x to the last. */
static inline int64_t few_outputs_reach(const struct phase_axis *ax) {
    return (ax->taps - 1) * (ax->tap_step < 0 ? -ax->tap_step : ax->tap_step);
}
/* Lines of a row of an input channel: numbers that outputs side by side meet with one tap lie side by side. */
static inline int64_t few_outputs_residues(const struct phase_axis *ax) {
    return at_most(ax->step, few_outputs_reach(ax) + 1);
}
/* Input rows from one tap of y to the next, upwards or downwards. */
static inline int64_t few_outputs_row_step(const struct phase_axis *ay) {
    return ay->tap_step < 0 ? -ay->tap_step : ay->tap_step > 0 ? ay->tap_step : 1;
}

/* Rows of the output from one to the next that meets the same input rows but for one; 1 where there is none. */
static inline int64_t few_outputs_output_step(const struct phase_axis *ay) {
    return few_outputs_row_step(ay) % ay->step == 0 ? few_outputs_row_step(ay) / ay->step : 1;
}

/* Columns of a band; fewer at the end of a row. */
int64_t few_outputs_columns(const struct blocked_phase *phase);
/* Scratch of a thread. */
size_t few_outputs_scratch_bytes(const struct blocked_phase *phase);
/* A band without image, rows and columns, which the caller sets. */
struct few_outputs_band few_outputs_band_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                            float *scratch);
/* The input of an image: channel blocks, or planes. */
struct blocked_input few_outputs_input(const struct blocked_run *run, int64_t image);
void few_outputs_run_band(struct few_outputs_band *band);

#endif
