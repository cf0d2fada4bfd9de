#include "ops/blocked/winograd/winograd_balance.h"

#include "ops/core/channel_blocks.h"

/*
 * Of weights over the largest one: the sum of their roots, which is about how many are large; and their sum, which says
 * what an output has left where the input of the largest is small.
 */
#define LEAST_ROOTS 16.0f
#define LEAST_SUM (1 + 1.0f / 16)
#define MOST_WEIGHT 0x1p64f /* above it a transformed weight, or its product, may leave the range of floats */

static bool lane_balanced(float largest, float sum, float roots) {
    return largest < MOST_WEIGHT && sum >= LEAST_SUM * largest && roots * roots >= LEAST_ROOTS * LEAST_ROOTS * largest;
}

bool winograd_balanced(const struct blocked_run *run, const struct blocked_phase *phase, int64_t group, int64_t block) {
    const int64_t channels = channel_blocks(run->state->window.in_channels) * CHANNEL_BLOCK;
    const float *sizes = phase->packed + group * (phase->floats / run->state->window.group) +
                         winograd_group_weights(phase, channels) + block * WINOGRAD_BALANCE;
    bool balanced = true;
    for (int lane = 0; lane < CHANNEL_BLOCK; lane++)
        balanced = balanced && lane_balanced(sizes[lane], sizes[CHANNEL_BLOCK + lane], sizes[2 * CHANNEL_BLOCK + lane]);
    return balanced;
}
