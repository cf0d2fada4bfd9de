/*
 * Few output channels: (tap of x, output channel) stand side by side as the lanes of one panel, and every input column
 * is multiplied once. An output is the sum of its taps' lanes at the columns beside each other.
 */
#include "ops/blocked.h"

#include <omp.h>
#include <string.h>

#define SEGMENT 224 /* outputs of a piece of a row, at most */
#define MOST_REACH 64
#define MOST_CHANNELS CHANNEL_BLOCK
#define MOST_LANES (4 * CHANNEL_BLOCK)
#define COLUMNS (SEGMENT + MOST_REACH + BLOCK_PIXELS)

/* From the first tap of x to the last. */
static int64_t reach_of(const struct lattice_axis *ax) {
    return (ax->taps - 1) * (ax->tap_step < 0 ? -ax->tap_step : ax->tap_step);
}

bool blocked_narrow_fits(const struct blocked_state *state, const struct lattice *lattice) {
    const struct lattice_axis *ax = &lattice->axis[2];
    return state->from_blocks && state->window.group == 1 && state->window.out_channels <= MOST_CHANNELS &&
           ax->step == 1 && reach_of(ax) <= MOST_REACH;
}

/* Of one thread: the sums of a segment's columns, its lines, and the list of a tile's pixels. */
static size_t sums_floats(const struct blocked_phase *phase) {
    return (size_t)COLUMNS * (size_t)phase->rows * CHANNEL_BLOCK;
}

static size_t share_floats(const struct blocked_phase *phase) {
    const size_t table = (size_t)phase->depth.down * BLOCK_PIXELS * sizeof(struct block_pixel) / sizeof(float);
    const size_t lines = (size_t)MOST_CHANNELS * SEGMENT;
    return (sums_floats(phase) + lines + table + 15) / 16 * 16;
}

size_t blocked_narrow_bytes(const struct blocked_phase *phase, int threads) {
    return share_floats(phase) * sizeof(float) * (size_t)threads;
}

/* A stretch of one row of outputs. */
struct segment {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct blocked_input input;
    int64_t image, y, x, outputs;
    float *sums;  /* [column][lanes] */
    float *lines; /* [output channel][output] */
    struct block_pixel *pixels;
};

static const float zeros[MOST_LANES];

static void list_pixels(const struct segment *segment, int64_t column, int count, int rounded) {
    const struct lattice_axis *ay = &segment->phase->lattice.axis[1], *ax = &segment->phase->lattice.axis[2];
    const enum border border = segment->run->state->window.border;
    const struct blocked_input *input = &segment->input;
    const int64_t leftmost = ax->first + segment->x - (ax->tap_step < 0 ? reach_of(ax) : 0);
    int64_t places[BLOCK_PIXELS];
    for (int i = 0; i < rounded; i++)
        places[i] = border_index(border, leftmost + column + (i < count ? i : count - 1), ax->in) * input->pixel;
    for (int64_t ty = 0; ty < segment->phase->depth.down; ty++) {
        const int64_t y = border_index(border, lattice_input(ay, segment->y, ty), ay->in);
        const float *row = input->data + y * input->row;
        struct block_pixel *entry = segment->pixels + ty * BLOCK_PIXELS;
        for (int i = 0; i < rounded; i++)
            entry[i] = y < 0 || places[i] < 0 ? (struct block_pixel){zeros, 0}
                                              : (struct block_pixel){row + places[i], input->block};
    }
}

/* Products of all columns that the segment's outputs meet, one panel after the other. */
static void multiply(const struct segment *segment) {
    const struct blocked_phase *phase = segment->phase;
    const struct block_kernel *kernel = segment->run->kernels->block;
    const int64_t columns = segment->outputs + reach_of(&phase->lattice.axis[2]);
    const size_t lanes = (size_t)phase->rows * CHANNEL_BLOCK;
    const struct block_source source = {.entries = (int)phase->depth.down,
                                        .blocks = (int)phase->depth.blocks,
                                        .length = CHANNEL_BLOCK,
                                        .pixels = segment->pixels};
    for (int64_t panel = 0; panel < panel_count(kernel, phase->rows); panel++) {
        const int blocks = panel_blocks(kernel, phase->rows, panel), most = kernel->pixels[blocks];
        const int64_t lane0 = panel * kernel->blocks * CHANNEL_BLOCK;
        for (int64_t column = 0; column < columns; column += most) {
            const int count = (int)(columns - column < most ? columns - column : most);
            const int rounded = kernel->round(count, blocks);
            list_pixels(segment, column, count, rounded);
            kernel->tile(rounded, blocks, &source, phase->packed + lane0 * phase->depth.total, zeros,
                         segment->sums + (size_t)column * lanes + lane0, lanes, CHANNEL_BLOCK);
        }
    }
}

/* The taps of every output, from left to right. */
static void add_taps(const struct segment *segment) {
    const struct lattice_axis *ax = &segment->phase->lattice.axis[2];
    const int64_t channels = segment->run->state->window.out_channels;
    const int64_t step = ax->tap_step < 0 ? -ax->tap_step : ax->tap_step;
    const size_t lanes = (size_t)segment->phase->rows * CHANNEL_BLOCK;
    for (int64_t x = 0; x < segment->outputs; x++) {
        float sums[MOST_CHANNELS];
        memcpy(sums, segment->run->bias, (size_t)channels * sizeof *sums);
        for (int64_t tap = 0; tap < ax->taps; tap++) {
            const float *column = segment->sums + (size_t)(x + tap * step) * lanes + tap * channels;
            for (int64_t c = 0; c < channels; c++)
                sums[c] += column[c];
        }
        for (int64_t c = 0; c < channels; c++)
            segment->lines[c * SEGMENT + x] = sums[c];
    }
}

static void store(const struct segment *segment) {
    const struct blocked_run *run = segment->run;
    const struct lattice_axis *ay = &segment->phase->lattice.axis[1], *ax = &segment->phase->lattice.axis[2];
    const int64_t channels = run->state->window.out_channels, plane = ay->out * ax->out;
    for (int64_t c = 0; c < channels; c++) {
        float *line = segment->lines + c * SEGMENT;
        float *place = run->y + (segment->image * channels + c) * plane +
                       (ay->out0 + segment->y * ay->out_step) * ax->out + ax->out0 + segment->x * ax->out_step;
        activation_run(run->kernels, &run->state->activation, line, (size_t)segment->outputs);
        for (int64_t i = 0; i < segment->outputs; i++)
            place[i * ax->out_step] = line[i];
    }
}

void blocked_narrow_run(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct lattice_axis *ay = &phase->lattice.axis[1], *ax = &phase->lattice.axis[2];
    const int64_t across = (ax->points + SEGMENT - 1) / SEGMENT, size = across ? (ax->points + across - 1) / across : 0;
    const int64_t units = run->state->window.batch * ay->points * across;
    const size_t share = share_floats(phase), sums = sums_floats(phase);
#pragma omp parallel for schedule(dynamic, 4) num_threads(run->threads) if (run->threads > 1 && units > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        float *room = run->workspace + (size_t)omp_get_thread_num() * share;
        struct segment segment = {.run = run,
                                  .phase = phase,
                                  .image = unit / (ay->points * across),
                                  .y = unit / across % ay->points,
                                  .x = unit % across * size,
                                  .sums = room,
                                  .lines = room + sums,
                                  .pixels = (struct block_pixel *)(room + sums + MOST_CHANNELS * SEGMENT)};
        segment.input = blocked_input_of(run, segment.image);
        segment.outputs = ax->points - segment.x < size ? ax->points - segment.x : size;
        multiply(&segment);
        add_taps(&segment);
        store(&segment);
    }
}
