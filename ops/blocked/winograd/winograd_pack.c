#include "ops/blocked/winograd/winograd_pack.h"

#include <string.h>

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

/* Transposes a square, unless channels are missing or the last read would go beyond the source. */
static void transpose_square(const struct pack_job *job, struct channel_square *square) {
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

/* The taps of a part for one input channel of the square: taps[y][x][lane]. */
static void load_taps(const struct pack_job *job, const struct channel_square *square, const struct winograd_part *part,
                      int64_t channel, float *taps) {
    const struct winograd_axis *axis = job->phase->grids[0].axis;
    const int64_t height = job->state->window.axis[1].kernel, width = job->state->window.axis[2].kernel;
    for (int y = 0; y < axis[0].taps; y++)
        for (int x = 0; x < axis[1].taps; x++, taps += CHANNEL_BLOCK) {
            const int64_t ky = part->kernel0[0] + y * part->kernel_step[0],
                          kx = part->kernel0[1] + x * part->kernel_step[1], kernel = ky * width + kx;
            if (ky >= height || kx >= width)
                memset(taps, 0, CHANNEL_BLOCK * sizeof *taps);
            else if (square->transposed)
                take_lanes(job, square, channel * height * width + kernel, taps);
            else
                pack_lanes(job, square->weights, square->conv_group, square->channel0, CHANNEL_BLOCK,
                           square->in_block * CHANNEL_BLOCK + channel, kernel, taps);
        }
}

/*
 * Puts taps[tap][16] of one input channel into place: [panel][element][channel][lanes] for WINOGRAD_TRANSFORMED, else
 * [panel][channel block][tap][16][lanes].
 */
static void place_taps(const struct pack_job *job, const float *taps, int64_t depths, int64_t depth, int lanes,
                       float *panel) {
    const struct winograd_grid *grid = &job->phase->grids[0];
    const int count = grid->axis[0].taps * grid->axis[1].taps;
    if (grid->weights == WINOGRAD_TRANSFORMED) {
        job->kernels->winograd->weights(grid->axis[0].kind, grid->axis[1].kind, taps, panel + depth * lanes,
                                        (size_t)(depths * lanes));
        return;
    }
    for (int tap = 0; tap < count; tap++)
        memcpy(panel + ((depth / CHANNEL_BLOCK * count + tap) * CHANNEL_BLOCK + depth % CHANNEL_BLOCK) * lanes,
               taps + tap * CHANNEL_BLOCK, CHANNEL_BLOCK * sizeof *taps);
}

void winograd_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                   float *packed) {
    const struct winograd_grid *grid = &job->phase->grids[0];
    const int blocks = panel_blocks(job->kernels->block, job->phase->out_blocks, slice->panel);
    const int64_t channels = channel_blocks(job->state->window.in_channels) * CHANNEL_BLOCK;
    const int64_t first = slice->panel * job->kernels->block->blocks;
    const int64_t depths = grid->part_count * channels, panel = grid->tiling.panel;
    struct channel_square square = {.weights = weights, .conv_group = slice->group};
    float taps[9 * CHANNEL_BLOCK];
    for (square.in_block = slice->first_block; square.in_block < slice->end_block; square.in_block++)
        for (int64_t block = first; block < first + blocks; block++) {
            const int64_t before =
                block / panel *
                panel; /* first channel block of Winograd's panel, which may be narrower than the kernel's */
            const int lanes = (int)at_most(job->phase->out_blocks - before, panel) * CHANNEL_BLOCK;
            float *place = packed + (before * winograd_stored(grid) * depths + block - before) * CHANNEL_BLOCK;
            square.channel0 = block * CHANNEL_BLOCK;
            transpose_square(job, &square);
            for (int part = 0; part < grid->part_count; part++)
                for (int64_t channel = 0; channel < CHANNEL_BLOCK; channel++) {
                    load_taps(job, &square, &grid->parts[part], channel, taps);
                    place_taps(job, taps, depths, part * channels + square.in_block * CHANNEL_BLOCK + channel, lanes,
                               place);
                }
        }
}
