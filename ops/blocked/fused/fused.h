/*
 * Two convolutions as one: the first makes a row_tile of rows, which stays in a large cache, and the second turns it
 * into its own rows before the next one takes its place. So an output of many megabytes never goes to memory.
 *
 * A thread goes down a band of row_tiles. What it needs again of a row_tile moves to the top of its buffer. Rows of the
 * second convolution that meet two bands, a halo, wait until all bands are done: bands leave copies of the rows there.
 */
#ifndef LIMNER_OPS_BLOCKED_FUSED_FUSED_H
#define LIMNER_OPS_BLOCKED_FUSED_FUSED_H

#include "ops/blocked/fused/fused_plan.h"

void blocked_run_fused(struct op_call *first, struct op_call *second, double *share);

#endif
