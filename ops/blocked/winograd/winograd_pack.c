#include "ops/blocked/winograd/winograd_pack.h"

#include <string.h>

#define TURNED_KERNEL 36 /* weights of a larger kernel are read one by one */

/* A channel block of the input by one of the output, of a group. */
struct square {
    const struct window_weights *weights;
    int64_t group, row, block;
    bool turned; /* at[channel][kernel index][lane] holds the weights; else they are where they come from */
    float at[(CHANNEL_BLOCK * TURNED_KERNEL + CHANNEL_BLOCK) * CHANNEL_BLOCK] __attribute__((aligned(64)));
};

/* Turns a square's weights; not at the ends of the tensor. */
static void turn_square(const struct pack_job *job, struct square *square) {
    const struct window *window = &job->state->window;
    const struct window_weights *weights = square->weights;
    const int64_t kernel = window->axis[1].kernel * window->axis[2].kernel, from = square->block * CHANNEL_BLOCK;
    const int64_t first =
        square->group * weights->group_stride + square->row * weights->row_stride + from * weights->channel_stride;
    const bool together = weights->channel_stride == kernel; /* input channels follow each other */
    const int64_t runs = together ? 1 : CHANNEL_BLOCK, run = together ? CHANNEL_BLOCK * kernel : kernel;
    const int64_t count = run < CHANNEL_BLOCK ? CHANNEL_BLOCK : run; /* what is too much is written over, or unused */
    const int64_t last = first + (runs - 1) * weights->channel_stride + (CHANNEL_BLOCK - 1) * weights->row_stride;
    square->turned = kernel <= TURNED_KERNEL && square->row + CHANNEL_BLOCK <= window->out_channels &&
                     from + CHANNEL_BLOCK <= window->in_channels && last + count <= weights->floats;
    for (int64_t i = 0; i < runs && square->turned; i++)
        job->kernels->plane->to_blocks((const char *)weights->source +
                                           (first + i * weights->channel_stride) * (int64_t)sizeof(float),
                                       (size_t)weights->row_stride, count, square->at + i * run * CHANNEL_BLOCK);
}

static void take_lanes(const struct pack_job *job, const struct square *square, int64_t place, float *lanes) {
    const float *scale = square->weights->scale;
    memcpy(lanes, square->at + place * CHANNEL_BLOCK, CHANNEL_BLOCK * sizeof *lanes);
    for (int64_t i = 0; scale && i < CHANNEL_BLOCK; i++)
        lanes[i] *= scale[square->group * job->state->window.out_channels + square->row + i];
}

/* The taps of a part at one input channel of the square: taps[y][x][lane]. */
static void load_taps(const struct pack_job *job, const struct square *square, const struct filter_part *part,
                      int64_t channel, float *taps) {
    const struct filter_axis *axis = job->phase->filters[0].axis;
    const int64_t height = job->state->window.axis[1].kernel, width = job->state->window.axis[2].kernel;
    for (int y = 0; y < axis[0].taps; y++)
        for (int x = 0; x < axis[1].taps; x++, taps += CHANNEL_BLOCK) {
            const int64_t ky = part->kernel0[0] + y * part->kernel_step[0],
                          kx = part->kernel0[1] + x * part->kernel_step[1], kernel = ky * width + kx;
            if (ky >= height || kx >= width)
                memset(taps, 0, CHANNEL_BLOCK * sizeof *taps);
            else if (square->turned)
                take_lanes(job, square, channel * height * width + kernel, taps);
            else
                pack_lanes(job, square->weights, square->group, square->row, CHANNEL_BLOCK,
                           square->block * CHANNEL_BLOCK + channel, kernel, taps);
        }
}

/* taps[tap][16] of one depth and channel block into place: [panel][point][depth][lanes], or
 * [panel][channel block][tap][16][lanes].
 */
static void place_taps(const struct pack_job *job, const float *taps, int64_t depths, int64_t depth, int lanes,
                       float *panel) {
    const struct filter_lattice *filter = &job->phase->filters[0];
    const int count = filter->axis[0].taps * filter->axis[1].taps;
    if (filter->weights == FILTER_READY) {
        job->kernels->filter->weights(filter->axis[0].kind, filter->axis[1].kind, taps, panel + depth * lanes,
                                      (size_t)(depths * lanes));
        return;
    }
    for (int tap = 0; tap < count; tap++)
        memcpy(panel + ((depth / CHANNEL_BLOCK * count + tap) * CHANNEL_BLOCK + depth % CHANNEL_BLOCK) * lanes,
               taps + tap * CHANNEL_BLOCK, CHANNEL_BLOCK * sizeof *taps);
}

void winograd_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                   float *packed) {
    const struct filter_lattice *filter = &job->phase->filters[0];
    const int blocks = panel_blocks(job->kernels->block, job->phase->rows, slice->panel);
    const int64_t channels = channel_blocks(job->state->window.in_channels) * CHANNEL_BLOCK;
    const int64_t first = slice->panel * job->kernels->block->blocks;
    const int64_t depths = filter->part_count * channels, panel = filter->shape.panel;
    struct square square = {.weights = weights, .group = slice->group};
    float taps[9 * CHANNEL_BLOCK];
    for (square.block = slice->first_block; square.block < slice->end_block; square.block++)
        for (int64_t row = first; row < first + blocks; row++) {
            const int64_t before = row / panel * panel; /* of the panel that the filter walks */
            const int lanes = (int)at_most(job->phase->rows - before, panel) * CHANNEL_BLOCK;
            float *place = packed + (before * filter_kept(filter) * depths + row - before) * CHANNEL_BLOCK;
            square.row = row * CHANNEL_BLOCK;
            turn_square(job, &square);
            for (int part = 0; part < filter->part_count; part++)
                for (int64_t channel = 0; channel < CHANNEL_BLOCK; channel++) {
                    load_taps(job, &square, &filter->parts[part], channel, taps);
                    place_taps(job, taps, depths, part * channels + square.block * CHANNEL_BLOCK + channel, lanes,
                               place);
                }
        }
}
