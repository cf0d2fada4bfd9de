#include "ops/blocked/winograd/winograd_balance.h"

#include "ops/core/channel_blocks.h"

#include <math.h>

/* Sum of the roots of |weight / largest|: so many weights, about, are as large as the largest. */
#define LEAST_ALIKE 8.0f
#define MOST_WEIGHT 0x1p64f /* above it a transformed weight, or its product, may leave the range of floats */

void winograd_add_balance(const float *taps, int count, float *sizes) {
    for (int i = 0; i < count * CHANNEL_BLOCK; i++) {
        const float size = fabsf(taps[i]);
        sizes[i % CHANNEL_BLOCK] += sqrtf(size);
        /* What is not finite stays: then the root's sum is not finite either. */
        if (size > sizes[CHANNEL_BLOCK + i % CHANNEL_BLOCK])
            sizes[CHANNEL_BLOCK + i % CHANNEL_BLOCK] = size;
    }
}

bool winograd_balanced(const struct blocked_run *run, const struct blocked_phase *phase, int64_t group, int64_t block) {
    const int64_t channels = channel_blocks(run->state->window.in_channels) * CHANNEL_BLOCK;
    const float *sizes = phase->packed + group * (phase->floats / run->state->window.group) +
                         winograd_group_weights(phase, channels) + block * WINOGRAD_BALANCE;
    bool balanced = true;
    for (int lane = 0; lane < CHANNEL_BLOCK; lane++) {
        const float roots = sizes[lane], largest = sizes[CHANNEL_BLOCK + lane];
        balanced = balanced && largest < MOST_WEIGHT && roots >= 0 && roots * roots >= LEAST_ALIKE * LEAST_ALIKE * largest;
    }
    return balanced;
}
