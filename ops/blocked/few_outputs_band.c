#include "ops/blocked/few_outputs_band.h"

#include "ops/blocked/blocked_run.h"

#include <string.h>

#define BAND_COLUMNS 256                   /* of a band, at most */
#define OVERHANG 128                       /* pixels by which the last register tile of a line may be too wide */
#define LINE_ALIGN 16                      /* floats of a cache line */
#define BUFFER_FLOATS ((int64_t)128 << 10) /* of transposed rows: they stay in L2 */
#define MOST_LINE (LINE_ALIGN * 2 + BAND_COLUMNS + FEW_OUTPUTS_REACH + OVERHANG)
#define SUMS_LINE (BAND_COLUMNS + OVERHANG)
#define MOST_CHANNELS FEW_OUTPUTS_MOST

/* ---- sizes ---- */

int64_t few_outputs_columns(const struct blocked_phase *phase) {
    const struct phase_axis *ax = &phase->geometry.axis[2];
    const int64_t lines = phase->depth.down * phase->depth.blocks * CHANNEL_BLOCK;
    const int64_t fitting = BUFFER_FLOATS / (lines > 0 ? lines : 1) - few_outputs_reach(ax) - LINE_ALIGN;
    const int64_t most = between(LINE_ALIGN, fitting / LINE_ALIGN * LINE_ALIGN, BAND_COLUMNS);
    return ax->positions > 0 ? even_block(ax->positions, forced_size(phase->band_columns, most), LINE_ALIGN) : 0;
}

/* An odd number of cache lines, so that lines spread over the sets of a cache. */
static int64_t line_floats(const struct blocked_phase *phase) {
    const int64_t floats =
        LINE_ALIGN + few_outputs_columns(phase) + few_outputs_reach(&phase->geometry.axis[2]) + OVERHANG;
    return (floats / LINE_ALIGN | 1) * LINE_ALIGN;
}

static int64_t row_floats(const struct blocked_phase *phase) {
    return phase->depth.blocks * CHANNEL_BLOCK * line_floats(phase);
}

static size_t scratch_floats(const struct blocked_phase *phase) {
    const size_t down = (size_t)phase->depth.down;
    const size_t table = down * (sizeof(int64_t) + sizeof(struct block_pixel)) / sizeof(float);
    return (down * (size_t)row_floats(phase) + MOST_CHANNELS * SUMS_LINE + table + 15) / 16 * 16;
}

size_t few_outputs_scratch_bytes(const struct blocked_phase *phase) {
    return scratch_floats(phase) * sizeof(float);
}

struct few_outputs_band few_outputs_band_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                            float *scratch) {
    struct few_outputs_band band = {.run = run, .phase = phase, .line = line_floats(phase), .row = row_floats(phase)};
    band.transposed = scratch;
    band.sums = band.transposed + phase->depth.down * band.row;
    band.lines = (struct block_pixel *)(band.sums + MOST_CHANNELS * SUMS_LINE);
    band.held_row = (int64_t *)(band.lines + phase->depth.down);
    return band;
}

/* ---- rows of the input ---- */

struct blocked_input few_outputs_input(const struct blocked_run *run, int64_t image) {
    const int64_t plane = run->x_plane / CHANNEL_BLOCK;
    if (run->state->from_blocks)
        return blocked_input_of(run, image);
    return (struct blocked_input){.data = run->x + image * run->state->window.in_channels * plane,
                                  .row = run->state->window.axis[2].in,
                                  .pixel = 1,
                                  .block = plane};
}

static const float zeros[MOST_LINE];

static void find_columns(struct few_outputs_band *band) {
    const struct phase_axis *ax = &band->phase->geometry.axis[2];
    band->left = ax->first + band->x - (ax->tap_step < 0 ? few_outputs_reach(ax) : 0);
    band->in_columns = band->columns + few_outputs_reach(ax);
    band->inner = between(0, -band->left, band->in_columns);
    band->inner_end = between(band->inner, ax->in - band->left, band->in_columns);
    band->lead = (LINE_ALIGN - band->inner % LINE_ALIGN) % LINE_ALIGN;
}

/* Columns first..end of the lines of a row, which lie beyond the input. */
static void fill_border(const struct few_outputs_band *band, const float *source, int64_t first, int64_t end,
                        float *lines) {
    const enum border border = band->run->state->window.border;
    for (int64_t i = first; i < end; i++) {
        const int64_t x = border_index(border, band->left + i, band->phase->geometry.axis[2].in);
        band->run->kernels->few_outputs->to_planes(x < 0 ? zeros : source + x * CHANNEL_BLOCK, 1, lines + i,
                                                   (size_t)band->line);
    }
}

static void copy_border(const struct few_outputs_band *band, const float *source, int64_t first, int64_t end,
                        float *line) {
    for (int64_t i = first; i < end; i++) {
        const int64_t x =
            border_index(band->run->state->window.border, band->left + i, band->phase->geometry.axis[2].in);
        line[i] = x < 0 ? 0 : source[x];
    }
}

/* A row of planes. */
static void copy_row(const struct few_outputs_band *band, int64_t y, float *lines) {
    const struct blocked_input *input = &band->input;
    for (int64_t channel = 0; channel < band->phase->depth.length; channel++, lines += band->line) {
        const float *source = input->data + channel * input->block + (y - input->lowest[0]) * input->row;
        copy_border(band, source, 0, band->inner, lines);
        if (band->inner < band->inner_end)
            memcpy(lines + band->inner, source + band->left + band->inner,
                   (size_t)(band->inner_end - band->inner) * sizeof *lines);
        copy_border(band, source, band->inner_end, band->in_columns, lines);
    }
}

static void transpose_row(const struct few_outputs_band *band, int64_t y, float *lines) {
    for (int64_t block = 0; block < band->phase->depth.blocks; block++, lines += CHANNEL_BLOCK * band->line) {
        const float *source =
            band->input.data + block * band->input.block + (y - band->input.lowest[0]) * band->input.row;
        fill_border(band, source, 0, band->inner, lines);
        band->run->kernels->few_outputs->to_planes(source + (band->left + band->inner) * CHANNEL_BLOCK,
                                                   band->inner_end - band->inner, lines + band->inner,
                                                   (size_t)band->line);
        fill_border(band, source, band->inner_end, band->in_columns, lines);
    }
}

/* The input row that a row of the output meets with a tap, where taps are counted from the top. */
static int64_t row_at(const struct phase_axis *ay, int64_t row, int64_t tap) {
    return phase_input(ay, row, ay->tap_step < 0 ? ay->taps - 1 : 0) + tap * few_outputs_row_step(ay);
}

/* The slot of an input row: the taps of one row of the output have different slots. */
static int64_t slot_of(const struct few_outputs_band *band, int64_t row) {
    const int64_t step = few_outputs_row_step(&band->phase->geometry.axis[1]);
    return (row + step * WINDOW_LIMIT) / step % band->phase->depth.down;
}

/* Transposes what the next one or two rows of the output meet and no slot holds yet, and lists the lines of all taps.
 */
static void list_rows(const struct few_outputs_band *band, int64_t row) {
    const struct phase_axis *ay = &band->phase->geometry.axis[1];
    for (int64_t tap = 0; tap < band->phase->depth.down; tap++) {
        const int64_t index = row_at(ay, row, tap), slot = slot_of(band, index);
        const int64_t y = border_index(band->run->state->window.border, index, ay->in);
        float *start = band->transposed + slot * band->row + band->lead;
        band->lines[tap] = y < 0 ? (struct block_pixel){zeros, 0} : (struct block_pixel){start, band->line};
        if (y < 0 || band->held_row[slot] == index)
            continue;
        if (band->run->state->from_blocks)
            transpose_row(band, y, start);
        else
            copy_row(band, y, start);
        band->held_row[slot] = index;
    }
}

/* The first input row that row `row` of the output meets and no slot holds, to be prefetched in so many steps. */
static struct plane_prefetch prefetch_of(const struct few_outputs_band *band, int64_t row, int64_t steps) {
    const struct phase_axis *ay = &band->phase->geometry.axis[1], *ax = &band->phase->geometry.axis[2];
    const int64_t inner = band->inner_end - band->inner, runs = band->phase->depth.blocks;
    /* Whole rows that follow each other are one run. */
    const bool follow = inner == ax->in && few_outputs_row_step(ay) == 1;
    const int64_t count = follow ? inner * band->phase->rows_together : inner;
    const int64_t taps = band->run->state->from_blocks && row < band->end && count > 0 ? band->phase->depth.down : 0;
    for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t index = row_at(ay, row, tap);
        const int64_t y = border_index(band->run->state->window.border, index, ay->in);
        if (y < 0 || band->held_row[slot_of(band, index)] == index)
            continue;
        return (struct plane_prefetch){.next = band->input.data + (y - band->input.lowest[0]) * band->input.row +
                                               (band->left + band->inner) * CHANNEL_BLOCK,
                                       .left = count,
                                       .runs = runs,
                                       .count = count,
                                       .jump = band->input.block - count * CHANNEL_BLOCK,
                                       .lines = (int)divide_up(count * runs, steps)};
    }
    return (struct plane_prefetch){0};
}

/* ---- sums ---- */

/* Some taps of y by one to four sums for each pixel: of different output channels, or of two rows. */
struct tap_part {
    int64_t tap, taps;
    int lanes;
    const float *weights, *start; /* start NULL: adds to the sums */
    float *sums;
};

static void multiply_part(const struct few_outputs_band *band, struct plane_prefetch *ahead,
                          const struct tap_part *part) {
    const struct few_outputs_kernel *kernel = band->run->kernels->few_outputs;
    const struct phase_axis *ax = &band->phase->geometry.axis[2];
    const int outputs = (int)band->columns;
    const int most = kernel->round(part->lanes, outputs), tiles = (outputs + most - 1) / most;
    const int size = kernel->round(part->lanes, (outputs + tiles - 1) / tiles); /* about the same for all tiles */
    struct plane_source source = {.rows = (int)part->taps,
                                  .depth = (int)band->phase->depth.length,
                                  .taps = (int)ax->taps,
                                  .tap_step = (size_t)(ax->tap_step < 0 ? -ax->tap_step : ax->tap_step),
                                  .lines = band->lines + part->tap,
                                  .ahead = ahead};
    for (int x = 0; x < outputs; x += size) {
        source.first = (size_t)x;
        kernel->tile(part->lanes, kernel->round(part->lanes, outputs - x < size ? outputs - x : size), &source,
                     part->weights, part->start, part->sums + x, SUMS_LINE);
    }
}

static void multiply_channels(const struct few_outputs_band *band, struct plane_prefetch *ahead) {
    const int64_t channels = band->run->state->window.out_channels;
    for (int64_t channel = 0; channel < channels; channel += FEW_OUTPUTS_CHANNELS) {
        const int64_t left = channels - channel;
        multiply_part(band, ahead,
                      &(struct tap_part){.taps = band->phase->depth.down,
                                         .lanes = (int)(left < FEW_OUTPUTS_CHANNELS ? left : FEW_OUTPUTS_CHANNELS),
                                         .weights = band->phase->packed + channel * band->phase->depth.total,
                                         .start = band->run->bias + channel,
                                         .sums = band->sums + channel * SUMS_LINE});
    }
}

/* Two rows of one channel: the tap that only the upper one meets, the one that only the lower one meets, and the rest.
 */
static void multiply_two_rows(const struct few_outputs_band *band, struct plane_prefetch *ahead) {
    const int64_t last = band->phase->depth.down - 1;
    const int64_t floats = band->phase->depth.length * band->phase->depth.across; /* of a tap */
    const float *weights = band->phase->packed, *bias = band->run->bias;
    float *upper = band->sums, *lower = band->sums + SUMS_LINE;
    multiply_part(band, ahead, &(struct tap_part){0, 1, 1, weights, bias, upper});
    multiply_part(band, ahead, &(struct tap_part){last, 1, 1, weights + floats, bias, lower});
    multiply_part(band, ahead, &(struct tap_part){1, last - 1, 2, weights + 2 * floats, NULL, upper});
}

static void multiply(const struct few_outputs_band *band, int64_t row) {
    const struct blocked_depth *depth = &band->phase->depth;
    struct plane_prefetch ahead = prefetch_of(
        band, row + band->phase->rows_together * few_outputs_output_step(&band->phase->geometry.axis[1]),
        depth->down * depth->length * divide_up(band->run->state->window.out_channels, FEW_OUTPUTS_CHANNELS));
    if (band->phase->rows_together > 1)
        multiply_two_rows(band, &ahead);
    else
        multiply_channels(band, &ahead);
}

/* Applies the activation to a row of sums and stores it. */
static void store(const struct few_outputs_band *band, int64_t channel, int64_t row, float *sums) {
    const struct blocked_run *run = band->run;
    const struct phase_axis *ay = &band->phase->geometry.axis[1], *ax = &band->phase->geometry.axis[2];
    const int64_t plane = band->image * run->state->window.out_channels + channel;
    float *place =
        run->y + ((plane * ay->out) + ay->out0 + row * ay->out_step) * ax->out + ax->out0 + band->x * ax->out_step;
    activation_run(run->kernels, &run->state->activation, sums, (size_t)band->columns);
    for (int64_t i = 0; i < band->columns; i++)
        place[i * ax->out_step] = sums[i];
}

/* ---- a band ---- */

static void run_rows(const struct few_outputs_band *band, int64_t row) {
    const int64_t step = few_outputs_output_step(&band->phase->geometry.axis[1]);
    list_rows(band, row);
    multiply(band, row);
    for (int64_t c = 0; c < band->run->state->window.out_channels; c++)
        for (int64_t i = 0; i < band->phase->rows_together && row + i * step < band->end; i++)
            store(band, c, row + i * step, band->sums + (c + i) * SUMS_LINE);
}

/* Rows of the output that meet the same input rows but for one follow each other. */
void few_outputs_run_band(struct few_outputs_band *band) {
    const int64_t step = few_outputs_output_step(&band->phase->geometry.axis[1]);
    find_columns(band);
    for (int64_t slot = 0; slot < band->phase->depth.down; slot++)
        band->held_row[slot] = INT64_MIN;
    for (int64_t first = band->first; first < band->first + step && first < band->end; first++)
        for (int64_t row = first; row < band->end; row += band->phase->rows_together * step)
            run_rows(band, row);
}
