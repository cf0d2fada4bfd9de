#include "ops/blocked/few_outputs_band.h"

#include "ops/blocked/blocked_run.h"
#include "ops/kernels/families.h"

#include <string.h>

#define BAND_COLUMNS 256                   /* of a band, at most */
#define OVERHANG 128                       /* pixels by which the last register tile of a line may be too wide */
#define LINE_ALIGN 16                      /* floats of a cache line */
#define BUFFER_FLOATS ((int64_t)128 << 10) /* of transposed rows: they stay in L2 */
#define MOST_LINE (LINE_ALIGN * 2 + BAND_COLUMNS + FEW_OUTPUTS_REACH + OVERHANG)
#define SUMS_LINE (BAND_COLUMNS + OVERHANG)
#define MOST_CHANNELS FEW_OUTPUTS_MOST

/* ---- sizes ---- */

/* Numbers of a line from an output's first tap to its last. */
static int64_t line_reach(const struct phase_axis *ax) {
    return few_outputs_reach(ax) / ax->step;
}

int64_t few_outputs_columns(const struct blocked_phase *phase) {
    const struct phase_axis *ax = &phase->geometry.axis[2];
    const int64_t lines = phase->depth.down * phase->lines;
    const int64_t fitting = BUFFER_FLOATS / (lines > 0 ? lines : 1) - line_reach(ax) - LINE_ALIGN;
    const int64_t most = between(LINE_ALIGN, fitting / LINE_ALIGN * LINE_ALIGN, BAND_COLUMNS);
    return ax->positions > 0 ? even_block(ax->positions, forced_size(phase->band_columns, most), LINE_ALIGN) : 0;
}

/* An odd number of cache lines, so that lines spread over the sets of a cache. */
static int64_t line_floats(const struct blocked_phase *phase) {
    const int64_t floats = LINE_ALIGN + few_outputs_columns(phase) + line_reach(&phase->geometry.axis[2]) + OVERHANG;
    return (floats / LINE_ALIGN | 1) * LINE_ALIGN;
}

static int64_t row_floats(const struct blocked_phase *phase) {
    return phase->lines * line_floats(phase);
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

static void list_offsets(struct few_outputs_band *band) {
    const struct phase_axis *ax = &band->phase->geometry.axis[2];
    for (int64_t tap = 0, at = 0; tap < ax->taps; tap++, at += ax->tap_step < 0 ? -ax->tap_step : ax->tap_step)
        band->offsets[tap] = at % ax->step * band->line + at / ax->step;
}

/* Register tiles of about the same size. */
static void find_sizes(struct few_outputs_band *band) {
    const struct few_outputs_kernel *kernel = band->run->kernels->few_outputs;
    const int outputs = (int)band->columns;
    for (int channels = 1; channels <= FEW_OUTPUTS_CHANNELS; channels++) {
        const int most = kernel->round(channels, outputs), tiles = (outputs + most - 1) / most;
        band->sizes[channels] = kernel->round(channels, (outputs + tiles - 1) / tiles);
    }
}

static void find_columns(struct few_outputs_band *band) {
    const struct phase_axis *ax = &band->phase->geometry.axis[2];
    band->left = ax->first + band->x * ax->step - (ax->tap_step < 0 ? few_outputs_reach(ax) : 0);
    band->in_columns = band->columns + line_reach(ax);
    band->residues = band->run->state->from_blocks ? 1 : few_outputs_residues(ax);
    for (int64_t r = 0; r < band->residues; r++) {
        const int64_t left = band->left + r, first = left < 0 ? divide_up(-left, ax->step) : 0;
        const int64_t inside = left < ax->in ? divide_up(ax->in - left, ax->step) : 0;
        band->inner[r].first = between(0, first, band->in_columns);
        band->inner[r].end = between(band->inner[r].first, inside, band->in_columns);
    }
    band->lead = (LINE_ALIGN - band->inner[0].first % LINE_ALIGN) % LINE_ALIGN;
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

static void copy_border(const struct few_outputs_band *band, const float *source, int64_t left, int64_t first,
                        int64_t end, float *line) {
    const struct phase_axis *ax = &band->phase->geometry.axis[2];
    for (int64_t i = first; i < end; i++) {
        const int64_t x = border_index(band->run->state->window.border, left + i * ax->step, ax->in);
        line[i] = x < 0 ? 0 : source[x];
    }
}

/* A row of a plane: every number a step apart from the column of a residue on. */
static void copy_line(const struct few_outputs_band *band, const float *source, int64_t residue, float *line) {
    const int64_t step = band->phase->geometry.axis[2].step, left = band->left + residue;
    const int64_t first = band->inner[residue].first, end = band->inner[residue].end;
    copy_border(band, source, left, 0, first, line);
    if (first < end)
        band->run->kernels->few_outputs->pick(source + left + first * step, (size_t)step, end - first, line + first);
    copy_border(band, source, left, end, band->in_columns, line);
}

/* A row of planes; y < 0: zeros. */
static void copy_row(const struct few_outputs_band *band, int64_t y, float *lines) {
    const struct blocked_input *input = &band->input;
    for (int64_t channel = 0; channel < band->phase->depth.length; channel++)
        for (int64_t r = 0; r < band->residues; r++, lines += band->line)
            if (y < 0)
                memset(lines, 0, (size_t)band->in_columns * sizeof *lines);
            else
                copy_line(band, input->data + channel * input->block + y * input->row, r, lines);
}

static void transpose_row(const struct few_outputs_band *band, int64_t y, float *lines) {
    for (int64_t block = 0; block < band->phase->depth.blocks; block++, lines += CHANNEL_BLOCK * band->line) {
        const float *source =
            band->input.data + block * band->input.block + (y - band->input.lowest[0]) * band->input.row;
        fill_border(band, source, 0, band->inner[0].first, lines);
        band->run->kernels->few_outputs->to_planes(source + (band->left + band->inner[0].first) * CHANNEL_BLOCK,
                                                   band->inner[0].end - band->inner[0].first,
                                                   lines + band->inner[0].first, (size_t)band->line);
        fill_border(band, source, band->inner[0].end, band->in_columns, lines);
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
    const bool from_blocks = band->run->state->from_blocks;
    const int64_t step = band->residues * band->line;
    for (int64_t tap = 0; tap < band->phase->depth.down; tap++) {
        const int64_t index = row_at(ay, row, tap), slot = slot_of(band, index);
        const int64_t y = border_index(band->run->state->window.border, index, ay->in);
        float *start = band->transposed + slot * band->row + band->lead;
        const bool none = from_blocks && y < 0;
        band->lines[tap] = none ? (struct block_pixel){zeros, 0} : (struct block_pixel){start, step};
        if (none || band->held_row[slot] == index)
            continue;
        if (from_blocks)
            transpose_row(band, y, start);
        else
            copy_row(band, y, start);
        band->held_row[slot] = index;
    }
}

/* The first input row that row `row` of the output meets and no slot holds, to be prefetched in so many steps. */
static struct plane_prefetch prefetch_of(const struct few_outputs_band *band, int64_t row, int64_t steps) {
    const struct phase_axis *ay = &band->phase->geometry.axis[1], *ax = &band->phase->geometry.axis[2];
    const int64_t inner = band->inner[0].end - band->inner[0].first, runs = band->phase->depth.blocks;
    /* Whole rows that follow each other are one run. */
    const bool follow = inner == ax->in && few_outputs_row_step(ay) == 1;
    const int64_t count = follow ? inner * band->phase->rows_together : inner;
    const int64_t taps = row < band->end && count > 0 ? band->phase->depth.down : 0;
    for (int64_t tap = 0; tap < taps; tap++) {
        const int64_t index = row_at(ay, row, tap);
        const int64_t y = border_index(band->run->state->window.border, index, ay->in);
        if (y < 0 || band->held_row[slot_of(band, index)] == index)
            continue;
        return (struct plane_prefetch){.next = band->input.data + (y - band->input.lowest[0]) * band->input.row +
                                               (band->left + band->inner[0].first) * CHANNEL_BLOCK,
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
    const int outputs = (int)band->columns, size = band->sizes[part->lanes];
    struct plane_source source = {.rows = (int)part->taps,
                                  .depth = (int)band->phase->depth.length,
                                  .taps = (int)ax->taps,
                                  .offsets = band->offsets,
                                  .lines = band->lines + part->tap,
                                  .ahead = ahead};
    for (int x = 0; x < outputs; x += size) {
        source.first = (size_t)x;
        kernel->tile(part->lanes, outputs - x < size ? kernel->round(part->lanes, outputs - x) : size, &source,
                     part->weights, part->start, part->sums + x, SUMS_LINE);
    }
}

/* Channels first..end - 1. */
static void multiply_channels(const struct few_outputs_band *band, struct plane_prefetch *ahead, int64_t first,
                              int64_t end) {
    for (int64_t channel = first; channel < end; channel += FEW_OUTPUTS_CHANNELS) {
        const int64_t left = end - channel;
        multiply_part(band, ahead,
                      &(struct tap_part){.taps = band->phase->depth.down,
                                         .lanes = (int)(left < FEW_OUTPUTS_CHANNELS ? left : FEW_OUTPUTS_CHANNELS),
                                         .weights = band->phase->packed + channel * band->phase->depth.total,
                                         .start = band->run->bias + channel,
                                         .sums = band->sums + (channel - first) * SUMS_LINE});
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

/* The first output of a row of a channel in planes, or of its channel block. */
static float *output_of(const struct few_outputs_band *band, int64_t channel, int64_t row) {
    const struct blocked_run *run = band->run;
    const struct phase_axis *ay = &band->phase->geometry.axis[1], *ax = &band->phase->geometry.axis[2];
    const int64_t at = (ay->out0 + row * ay->out_step) * ax->out + ax->out0 + band->x * ax->out_step;
    if (run->state->to_blocks)
        return run->y + (band->image * band->phase->out_blocks + channel / CHANNEL_BLOCK) * run->y_plane +
               at * CHANNEL_BLOCK;
    return run->y + (band->image * run->state->window.out_channels + channel) * ay->out * ax->out + at;
}

/* The rows of the input that the next row of the output needs; those of planes the processor foresees. */
static struct plane_prefetch prefetch_behind(const struct few_outputs_band *band, int64_t row) {
    const struct blocked_depth *depth = &band->phase->depth;
    if (!band->run->state->from_blocks)
        return (struct plane_prefetch){0};
    return prefetch_of(band, row + band->phase->rows_together * few_outputs_output_step(&band->phase->geometry.axis[1]),
                       depth->down * depth->length *
                           divide_up(band->run->state->window.out_channels, FEW_OUTPUTS_CHANNELS));
}

/* Stores a row of finished sums of a channel. */
static void store(const struct few_outputs_band *band, int64_t channel, int64_t row, const float *sums) {
    const int64_t step = band->phase->geometry.axis[2].out_step;
    float *place = output_of(band, channel, row);
    if (step == 1)
        memcpy(place, sums, (size_t)band->columns * sizeof *place);
    for (int64_t i = 0; step > 1 && i < band->columns; i++)
        place[i * step] = sums[i];
}

/* The same of `count` channels from the first one of a channel block on; lanes beyond them are zeros. */
static void store_block(const struct few_outputs_band *band, int64_t first, int64_t count, int64_t row) {
    for (int64_t c = count; c < CHANNEL_BLOCK; c++)
        memset(band->sums + c * SUMS_LINE, 0, (size_t)band->columns * sizeof(float));
    band->run->kernels->few_outputs->to_blocks(band->sums, SUMS_LINE, band->columns, output_of(band, first, row));
}

/* ---- a band ---- */

/* Applies the activation to so many lines of sums: a simple one to all at once, up to the end of a cache line. */
static void finish(const struct few_outputs_band *band, int lines) {
    const struct blocked_run *run = band->run;
    const struct activation *activation = &run->state->activation;
    const int columns = (int)divide_up(band->columns, LINE_ALIGN);
    enum block_finish kind;
    if (!blocked_finish_kind(activation, &kind))
        for (int i = 0; i < lines; i++)
            activation_run(run->kernels, activation, band->sums + i * SUMS_LINE, (size_t)band->columns);
    else if (kind != BLOCK_COPY)
        pixel_kernel_of(run->kernels)
            ->finish(kind, activation->alpha, activation->beta, NULL, 0, lines, columns, band->sums, SUMS_LINE,
                     LINE_ALIGN, band->sums, SUMS_LINE, LINE_ALIGN);
}

static void run_two_rows(const struct few_outputs_band *band, int64_t row) {
    const int64_t step = few_outputs_output_step(&band->phase->geometry.axis[1]);
    struct plane_prefetch ahead = prefetch_behind(band, row);
    multiply_two_rows(band, &ahead);
    finish(band, 2);
    for (int64_t i = 0; i < 2 && row + i * step < band->end; i++)
        store(band, 0, row + i * step, band->sums + i * SUMS_LINE);
}

/* A channel block of outputs after the other. */
static void run_row(const struct few_outputs_band *band, int64_t row) {
    const int64_t channels = band->run->state->window.out_channels;
    struct plane_prefetch ahead = prefetch_behind(band, row);
    for (int64_t first = 0; first < channels; first += CHANNEL_BLOCK) {
        const int64_t count = at_most(channels - first, CHANNEL_BLOCK);
        multiply_channels(band, &ahead, first, first + count);
        finish(band, (int)count);
        if (band->run->state->to_blocks)
            store_block(band, first, count, row);
        for (int64_t c = 0; c < count && !band->run->state->to_blocks; c++)
            store(band, first + c, row, band->sums + c * SUMS_LINE);
    }
}

static void run_rows(const struct few_outputs_band *band, int64_t row) {
    list_rows(band, row);
    if (band->phase->rows_together > 1)
        run_two_rows(band, row);
    else
        run_row(band, row);
}

/* Rows of the output that meet the same input rows but for one follow each other. */
void few_outputs_run_band(struct few_outputs_band *band) {
    const int64_t step = few_outputs_output_step(&band->phase->geometry.axis[1]);
    find_columns(band);
    list_offsets(band);
    find_sizes(band);
    for (int64_t slot = 0; slot < band->phase->depth.down; slot++)
        band->held_row[slot] = INT64_MIN;
    for (int64_t first = band->first; first < band->first + step && first < band->end; first++)
        for (int64_t row = first; row < band->end; row += band->phase->rows_together * step)
            run_rows(band, row);
}
