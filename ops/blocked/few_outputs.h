/*
 * Few output channels, into plain tensors: input rows are turned into planes, one line for every channel, and then
 * pixels that lie side by side are the lanes of the sums. A thread goes down a band of rows and keeps the turned ones
 * that the next outputs meet again. With a single output channel two rows of outputs stand for two channels in all taps
 * that they share, because reading the pixels would take longer than multiplying them.
 */
#ifndef LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H
#define LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H

#include "ops/blocked/blocked.h"

bool blocked_narrow_fits(const struct blocked_state *state, const struct lattice *lattice);
/* Rows of outputs that stand beside each other as if they were channels: 1 or 2. */
int64_t blocked_narrow_beside(const struct blocked_state *state, const struct lattice *lattice);
/* Points of y that belong together: rows that stand beside each other have the same ones there in any run of them. */
int64_t blocked_narrow_unit(const struct blocked_phase *phase);
size_t blocked_narrow_bytes(const struct blocked_phase *phase);
void blocked_narrow_run(const struct blocked_run *run, const struct blocked_phase *phase);

#endif
