#include "ops/blocked/winograd/winograd_pack.h"

#include "ops/blocked/winograd/channel_square.h"
#include "ops/blocked/winograd/winograd_balance.h"

#include <string.h>

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
            else
                channel_square_lanes(job, square, channel, kernel, taps);
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
            float *sizes = packed + winograd_group_weights(job->phase, channels) + block * WINOGRAD_BALANCE;
            square.channel0 = block * CHANNEL_BLOCK;
            if (square.in_block == 0)
                memset(sizes, 0, WINOGRAD_BALANCE * sizeof *sizes);
            channel_square_transpose(job, &square);
            for (int part = 0; part < grid->part_count; part++)
                for (int64_t channel = 0; channel < CHANNEL_BLOCK; channel++) {
                    load_taps(job, &square, &grid->parts[part], channel, taps);
                    place_taps(job, taps, depths, part * channels + square.in_block * CHANNEL_BLOCK + channel, lanes,
                               place);
                    job->kernels->winograd->sizes(taps, grid->axis[0].taps * grid->axis[1].taps, sizes);
                }
        }
}
