/* Channel blocks and panels of them: what all that multiply by the block kernel share. */
#ifndef LIMNER_OPS_CORE_CHANNEL_BLOCKS_H
#define LIMNER_OPS_CORE_CHANNEL_BLOCKS_H

#include "ops/kernels/kernels.h"

/* The depth of direct sums is walked in k-blocks of about so much, whose weights stay in a small cache. */
#define K_BLOCK 1024

static inline int64_t channel_blocks(int64_t channels) {
    return (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK;
}

/* The channel blocks of a panel, the width of a kernel's tile; the last one may have fewer. */
static inline int panel_blocks(const struct block_kernel *kernel, int64_t rows, int64_t panel) {
    const int64_t left = rows - panel * kernel->blocks;
    return left < kernel->blocks ? (int)left : kernel->blocks;
}
static inline int64_t panel_count(const struct block_kernel *kernel, int64_t rows) {
    return (rows + kernel->blocks - 1) / kernel->blocks;
}

/*
 * Lets tile `number` of `tiles` prefetch its share of the weights that follow those of `source`, of panels of so many
 * channel blocks.
 */
void block_prefetch_weights(struct block_source *source, const float *next, int blocks, int64_t number, int64_t tiles);

#endif
