/* What all algorithms need while running: inputs, scratch, and how sums become outputs. */
#ifndef LIMNER_OPS_BLOCKED_BLOCKED_RUN_H
#define LIMNER_OPS_BLOCKED_BLOCKED_RUN_H

#include "base/thread_team.h"
#include "ops/blocked/blocked.h"

/* The scratch of the calling thread. */
float *blocked_scratch(const struct blocked_run *run, struct team_thread self);
struct blocked_input blocked_input_of(const struct blocked_run *run, int64_t image);
/* The kernels' kind of an activation; false and BLOCK_COPY for those that they do not have. */
bool blocked_finish_kind(const struct activation *activation, enum block_finish *kind);
/* destination[rows][columns][16] = activation(sums + bias[row * bias_row]); the sums may be overwritten. */
void blocked_finish(const struct blocked_run *run, const float *bias, size_t bias_row, int rows, int columns,
                    float *sums, size_t sums_row, size_t sums_column, float *destination, size_t row, size_t column);
/* Fills channel blocks with the bias of every group; surplus lanes become 0. */
void blocked_spread_bias(const struct blocked_state *state, const float *bias, float *blocks);

/*
 * Limits the positions to some rows of the output, which are counted from row `top` on. Returns how many positions are
 * left out before them.
 */
int64_t blocked_limit_rows(struct phase_axis *axis, struct row_range rows, int64_t top);

/* Runs all phases that have this algorithm and any outputs. */
void blocked_run_each(const struct blocked_run *run, const struct conv_algorithm *algorithm,
                      void (*run_phase)(const struct blocked_run *run, const struct blocked_phase *phase));

/* The most scratch that a phase with this algorithm needs. */
struct blocked_bytes blocked_scratch_bytes(const struct blocked_state *state, const struct conv_algorithm *algorithm,
                                           size_t (*of_phase)(const struct blocked_phase *phase));

#endif
