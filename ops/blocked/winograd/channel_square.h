/* The weights of one channel block of the input and one of the output, turned so that output channels are lanes. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_CHANNEL_SQUARE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_CHANNEL_SQUARE_H

#include "ops/blocked/packing.h"

#define TRANSPOSED_KERNEL 36 /* weights of a larger window are read one by one */

/* The weights of a channel block of the input and one of the output. */
struct channel_square {
    const struct window_weights *weights;
    int64_t conv_group; /* of the convolution */
    int64_t channel0;   /* first channel of the output */
    int64_t in_block;   /* channel block of the input */
    bool transposed;    /* at[channel][kernel index][lane] holds them; else they are read from the source */
    float at[(CHANNEL_BLOCK * TRANSPOSED_KERNEL + CHANNEL_BLOCK) * CHANNEL_BLOCK] __attribute__((aligned(64)));
};

/* Turns a square, unless channels are missing or the last read would go beyond the source. */
void channel_square_transpose(const struct pack_job *job, struct channel_square *square);
/* The weights of an input channel of the square at an index of the window, for all lanes. */
void channel_square_lanes(const struct pack_job *job, const struct channel_square *square, int64_t channel,
                          int64_t kernel, float *lanes);

#endif
