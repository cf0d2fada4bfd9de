#include "ops/blocked/winograd/channel_square.h"

#include <string.h>

void channel_square_transpose(const struct pack_job *job, struct channel_square *square) {
    const struct window *window = &job->state->window;
    const struct window_weights *weights = square->weights;
    const int64_t kernel = window->axis[1].kernel * window->axis[2].kernel, from = square->in_block * CHANNEL_BLOCK;
    const int64_t first = square->conv_group * weights->group_stride + square->channel0 * weights->row_stride +
                          from * weights->channel_stride;
    const bool contiguous = weights->channel_stride == kernel; /* input channels follow each other */
    const int64_t runs = contiguous ? 1 : CHANNEL_BLOCK, run = contiguous ? CHANNEL_BLOCK * kernel : kernel;
    const int64_t count = run < CHANNEL_BLOCK ? CHANNEL_BLOCK : run; /* the surplus is written over, or not used */
    const int64_t last = first + (runs - 1) * weights->channel_stride + (CHANNEL_BLOCK - 1) * weights->row_stride;
    square->transposed = kernel <= TRANSPOSED_KERNEL && square->channel0 + CHANNEL_BLOCK <= window->out_channels &&
                         from + CHANNEL_BLOCK <= window->in_channels && last + count <= weights->floats;
    for (int64_t i = 0; i < runs && square->transposed; i++)
        job->kernels->few_outputs->to_blocks((const char *)weights->source +
                                                 (first + i * weights->channel_stride) * (int64_t)sizeof(float),
                                             (size_t)weights->row_stride, count, square->at + i * run * CHANNEL_BLOCK);
}

static void take_lanes(const struct pack_job *job, const struct channel_square *square, int64_t place, float *lanes) {
    const float *scale = square->weights->scale;
    memcpy(lanes, square->at + place * CHANNEL_BLOCK, CHANNEL_BLOCK * sizeof *lanes);
    for (int64_t i = 0; scale && i < CHANNEL_BLOCK; i++)
        lanes[i] *= scale[square->conv_group * job->state->window.out_channels + square->channel0 + i];
}

void channel_square_lanes(const struct pack_job *job, const struct channel_square *square, int64_t channel,
                          int64_t kernel, float *lanes) {
    const struct window *window = &job->state->window;
    if (square->transposed)
        take_lanes(job, square, channel * window->axis[1].kernel * window->axis[2].kernel + kernel, lanes);
    else
        pack_lanes(job, square->weights, square->conv_group, square->channel0, CHANNEL_BLOCK,
                   square->in_block * CHANNEL_BLOCK + channel, kernel, lanes);
}
