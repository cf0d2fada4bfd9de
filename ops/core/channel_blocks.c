#include "ops/core/channel_blocks.h"

void block_prefetch_weights(struct block_source *source, const float *next, int blocks, int64_t number, int64_t tiles) {
    const int64_t steps = (int64_t)source->entries * source->blocks; /* of a register tile */
    const int64_t lines = (int64_t)source->length * blocks * CHANNEL_BLOCK * (int64_t)sizeof(float) / 64;
    source->ahead_lines = (int)((lines + tiles - 1) / tiles);
    source->ahead = next + number * steps * source->ahead_lines * (64 / (int64_t)sizeof(float));
}
