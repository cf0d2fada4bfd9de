/*
 * Whether the weights of an output channel are of alike size. Winograd adds weights up before they meet inputs: its
 * errors are relative to the largest weight of a channel, those of direct sums to each product. Where a few weights
 * are far above all others (or not finite), an output whose inputs there are small would lose all digits: the channel
 * block is computed by direct sums (winograd_mend.c).
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_BALANCE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_BALANCE_H

#include "ops/blocked/blocked.h"

/* Floats behind the packed weights for each channel block of outputs: the largest weights, their sums, their roots'. */
#define WINOGRAD_BALANCE (3 * CHANNEL_BLOCK)

/* Packed weights of one group of the convolution, with so many input channels, without what follows them. */
static inline int64_t winograd_group_weights(const struct blocked_phase *phase, int64_t channels) {
    const struct winograd_grid *grid = &phase->grids[0];
    return winograd_stored(grid) * grid->part_count * channels * phase->out_blocks * CHANNEL_BLOCK;
}

/* Whether the weights of all channels of a channel block are finite and of alike size. */
bool winograd_balanced(const struct blocked_run *run, const struct blocked_phase *phase, int64_t group, int64_t block);

#endif
