/* What the algorithms of a run share: where inputs lie, what a thread has, how sums become outputs. */
#ifndef LIMNER_OPS_BLOCKED_BLOCKED_RUN_H
#define LIMNER_OPS_BLOCKED_BLOCKED_RUN_H

#include "base/thread_team.h"
#include "ops/blocked/blocked.h"

/* What a thread of the team has for itself. */
float *blocked_own(const struct blocked_run *run, struct team_thread self);
/* image: batch row and group. */
struct blocked_input blocked_input_of(const struct blocked_run *run, int64_t image);
/* The kernels' name of an activation; false and BLOCK_COPY for those that they leave to activation_run. */
bool blocked_finish_kind(const struct activation *activation, enum block_finish *kind);
/* bias[row * bias_row] + activation of sums[rows][columns][16] into place; the sums are scratch. */
void blocked_finish(const struct blocked_run *run, const float *bias, size_t bias_row, int rows, int columns,
                    float *sums, size_t sums_row, size_t sums_column, float *destination, size_t row, size_t column);
/* Whole channel blocks of the bias of every group. */
void blocked_spread_bias(const struct blocked_state *state, const float *bias, float *blocks);

/* Leaves some rows of the outputs, counted from row `top` on; returns how many points are left out before them. */
int64_t blocked_limit_rows(struct lattice_axis *axis, struct rows rows, int64_t top);

#endif
