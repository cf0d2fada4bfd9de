/* Channel blocks and panels: what all users of the block kernel share. */
#ifndef LIMNER_OPS_CORE_CHANNEL_BLOCKS_H
#define LIMNER_OPS_CORE_CHANNEL_BLOCKS_H

#include "ops/kernels/kernels.h"

/* Numbers of the depth of a k-block, about: its weights stay in L2. */
#define K_BLOCK 1024

/*
 * Groups that are not of whole channel blocks lie in common blocks, if a group has no more input channels than this,
 * and an output reaches over no more inputs (channels of a group, times rows and columns from the first tap to the
 * last).
 */
#define GROUPED_CHANNELS 32
#define GROUPED_REACH ((int64_t)1 << 14)
/* Few outputs: inputs from the first tap of a row to the last, at most. */
#define FEW_OUTPUTS_REACH 64
/* Of a plain input: from one output of a row to the next, at most. */
#define FEW_OUTPUTS_STEP 8
/* So many planes of the input at most, where lanes that are channels could do it, too. */
#define FEW_OUTPUTS_PLANES 8

static inline int64_t channel_blocks(int64_t channels) {
    return (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK;
}

/* Panels are as wide as the kernel's register tile; the last one may have fewer channel blocks. */
static inline int panel_blocks(const struct block_kernel *kernel, int64_t rows, int64_t panel) {
    const int64_t left = rows - panel * kernel->blocks;
    return left < kernel->blocks ? (int)left : kernel->blocks;
}
static inline int64_t panel_count(const struct block_kernel *kernel, int64_t rows) {
    return (rows + kernel->blocks - 1) / kernel->blocks;
}

/*
 * Lets register tile `number` of `tiles` prefetch its part of the weights at `next`: as many as a tile of `source` and
 * so many channel blocks reads.
 */
void block_prefetch_weights(struct block_source *source, const float *next, int blocks, int64_t number, int64_t tiles);

#endif
