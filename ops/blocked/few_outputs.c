#include "ops/blocked/few_outputs.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/few_outputs_pack.h"
#include "ops/core/work_queue.h"

#include <string.h>

#define SEGMENT 256 /* outputs of a row that are made at once, at most */
#define MOST_REACH 64
#define OVERHANG 128              /* pixels that the last tile of a line may be too wide */
#define LINE_ALIGN 16             /* floats of a cache line */
#define ROOM ((int64_t)128 << 10) /* floats of turned rows: they stay in a small cache */
#define MOST_LINE (LINE_ALIGN * 2 + SEGMENT + MOST_REACH + OVERHANG)
#define SUMS_LINE (SEGMENT + OVERHANG)
#define MOST_CHANNELS CHANNEL_BLOCK

/* From the first tap of x to the last. */
static int64_t reach_of(const struct lattice_axis *ax) {
    return (ax->taps - 1) * (ax->tap_step < 0 ? -ax->tap_step : ax->tap_step);
}

static bool rows_fit(const struct blocked_state *state, const struct lattice *lattice) {
    const struct lattice_axis *ax = &lattice->axis[2];
    return state->from_blocks && state->window.group == 1 && state->window.out_channels <= MOST_CHANNELS &&
           ax->step == 1 && reach_of(ax) <= MOST_REACH;
}

/* ---- what a thread has ---- */

static int64_t segment_outputs(const struct blocked_phase *phase) {
    const struct lattice_axis *ax = &phase->lattice.axis[2];
    const int64_t lines = phase->depth.down * phase->depth.blocks * CHANNEL_BLOCK;
    const int64_t fitting = ROOM / (lines > 0 ? lines : 1) - reach_of(ax) - LINE_ALIGN;
    const int64_t most = between(LINE_ALIGN, fitting / LINE_ALIGN * LINE_ALIGN, SEGMENT);
    return ax->points > 0 ? even_block(ax->points, forced_size(phase->outputs, most), LINE_ALIGN) : 0;
}

/* An odd number of cache lines, so that lines spread over a cache. */
static int64_t line_floats(const struct blocked_phase *phase) {
    const int64_t floats = LINE_ALIGN + segment_outputs(phase) + reach_of(&phase->lattice.axis[2]) + OVERHANG;
    return (floats / LINE_ALIGN | 1) * LINE_ALIGN;
}

static int64_t row_floats(const struct blocked_phase *phase) {
    return phase->depth.blocks * CHANNEL_BLOCK * line_floats(phase);
}

static size_t share_floats(const struct blocked_phase *phase) {
    const size_t down = (size_t)phase->depth.down;
    const size_t table = down * (sizeof(int64_t) + sizeof(struct block_pixel)) / sizeof(float);
    return (down * (size_t)row_floats(phase) + MOST_CHANNELS * SUMS_LINE + table + 15) / 16 * 16;
}

static size_t own_bytes(const struct blocked_phase *phase) {
    return share_floats(phase) * sizeof(float);
}

/* Some columns of some rows of the outputs, and the columns of the input that they meet. */
struct band {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct blocked_input input;
    int64_t image, x, outputs, first, end;
    int64_t left, columns, inner, inner_end; /* of the input: the first one, how many, those that lie inside */
    int64_t lead;                            /* floats before the first one: the inner ones begin with a cache line */
    int64_t line, row;                       /* floats */
    float *turned;                           /* [slot][channel][line] */
    float *sums;                             /* [output channel][SUMS_LINE] */
    struct block_pixel *lines;               /* of every tap of y */
    int64_t *held;                           /* the row that a slot holds */
};

static const float zeros[MOST_LINE];

static void find_columns(struct band *band) {
    const struct lattice_axis *ax = &band->phase->lattice.axis[2];
    band->left = ax->first + band->x - (ax->tap_step < 0 ? reach_of(ax) : 0);
    band->columns = band->outputs + reach_of(ax);
    band->inner = between(0, -band->left, band->columns);
    band->inner_end = between(band->inner, ax->in - band->left, band->columns);
    band->lead = (LINE_ALIGN - band->inner % LINE_ALIGN) % LINE_ALIGN;
}

/* ---- rows of the input ---- */

/* Columns first..end of a row's lines, which lie beyond the input. */
static void fill_border(const struct band *band, const float *source, int64_t first, int64_t end, float *lines) {
    const enum border border = band->run->state->window.border;
    for (int64_t i = first; i < end; i++) {
        const int64_t x = border_index(border, band->left + i, band->phase->lattice.axis[2].in);
        band->run->kernels->plane->to_planes(x < 0 ? zeros : source + x * CHANNEL_BLOCK, 1, lines + i,
                                             (size_t)band->line);
    }
}

static void turn_row(const struct band *band, int64_t y, float *lines) {
    for (int64_t block = 0; block < band->phase->depth.blocks; block++, lines += CHANNEL_BLOCK * band->line) {
        const float *source =
            band->input.data + block * band->input.block + (y - band->input.lowest[0]) * band->input.row;
        fill_border(band, source, 0, band->inner, lines);
        band->run->kernels->plane->to_planes(source + (band->left + band->inner) * CHANNEL_BLOCK,
                                             band->inner_end - band->inner, lines + band->inner, (size_t)band->line);
        fill_border(band, source, band->inner_end, band->columns, lines);
    }
}

/* From one tap of y to the next, upwards or downwards. */
static int64_t row_step(const struct lattice_axis *ay) {
    return ay->tap_step < 0 ? -ay->tap_step : ay->tap_step > 0 ? ay->tap_step : 1;
}

/* From one row of outputs to the next whose inputs are the same but for one tap, if there is such a row. */
static int64_t output_step(const struct lattice_axis *ay) {
    return row_step(ay) % ay->step == 0 ? row_step(ay) / ay->step : 1;
}

static int64_t beside_of(const struct blocked_state *state, const struct lattice *lattice) {
    const struct lattice_axis *ay = &lattice->axis[1];
    const bool can = state->window.out_channels == 1 && ay->taps > 1 && row_step(ay) % ay->step == 0;
    return can && state->forced->beside != 1 ? 2 : 1;
}

static int64_t rows_together(const struct blocked_phase *phase) {
    return phase->beside > 1 ? phase->beside * output_step(&phase->lattice.axis[1]) : 1;
}

/* The input row that a row of outputs meets with a tap, counted from the top. */
static int64_t row_at(const struct lattice_axis *ay, int64_t row, int64_t tap) {
    return lattice_input(ay, row, ay->tap_step < 0 ? ay->taps - 1 : 0) + tap * row_step(ay);
}

/* Taps of one output have slots of their own. */
static int64_t slot_of(const struct band *band, int64_t place) {
    const int64_t step = row_step(&band->phase->lattice.axis[1]);
    return (place + step * WINDOW_LIMIT) / step % band->phase->depth.down;
}

/* The turned rows that a row of outputs meets, and those beside it. The next outputs find them in their slots. */
static void list_rows(const struct band *band, int64_t row) {
    const struct lattice_axis *ay = &band->phase->lattice.axis[1];
    for (int64_t tap = 0; tap < band->phase->depth.down; tap++) {
        const int64_t place = row_at(ay, row, tap), slot = slot_of(band, place);
        const int64_t y = border_index(band->run->state->window.border, place, ay->in);
        float *start = band->turned + slot * band->row + band->lead;
        band->lines[tap] = y < 0 ? (struct block_pixel){zeros, 0} : (struct block_pixel){start, band->line};
        if (y < 0 || band->held[slot] == place)
            continue;
        turn_row(band, y, start);
        band->held[slot] = place;
    }
}

/* What the next row of outputs meets for the first time, to be asked for in so many steps. */
static struct plane_ahead next_row(const struct band *band, int64_t row, int64_t steps) {
    const struct lattice_axis *ay = &band->phase->lattice.axis[1], *ax = &band->phase->lattice.axis[2];
    const int64_t inner = band->inner_end - band->inner, pieces = band->phase->depth.blocks;
    /* Whole rows that follow each other are one piece. */
    const bool follow = inner == ax->in && row_step(ay) == 1;
    const int64_t count = follow ? inner * band->phase->beside : inner;
    for (int64_t tap = 0; tap < band->phase->depth.down && row < band->end && count > 0; tap++) {
        const int64_t place = row_at(ay, row, tap);
        const int64_t y = border_index(band->run->state->window.border, place, ay->in);
        if (y < 0 || band->held[slot_of(band, place)] == place)
            continue;
        return (struct plane_ahead){.next = band->input.data + (y - band->input.lowest[0]) * band->input.row +
                                            (band->left + band->inner) * CHANNEL_BLOCK,
                                    .left = count,
                                    .pieces = pieces,
                                    .count = count,
                                    .jump = band->input.block - count * CHANNEL_BLOCK,
                                    .lines = (int)divide_up(count * pieces, steps)};
    }
    return (struct plane_ahead){0};
}

/* ---- sums ---- */

/* Some of the taps of y by some lanes of sums: channels, or rows beside each other. */
struct part {
    int64_t tap, taps;
    int lanes;
    const float *weights, *start; /* start NULL: the sums go on */
    float *sums;
};

static void multiply_part(const struct band *band, struct plane_ahead *ahead, const struct part *part) {
    const struct plane_kernel *kernel = band->run->kernels->plane;
    const struct lattice_axis *ax = &band->phase->lattice.axis[2];
    const int outputs = (int)band->outputs;
    const int most = kernel->round(part->lanes, outputs), tiles = (outputs + most - 1) / most;
    const int size = kernel->round(part->lanes, (outputs + tiles - 1) / tiles); /* about the same for all */
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

static void multiply_channels(const struct band *band, struct plane_ahead *ahead) {
    const int64_t channels = band->run->state->window.out_channels;
    for (int64_t channel = 0; channel < channels; channel += PLANE_CHANNELS) {
        const int64_t left = channels - channel;
        multiply_part(band, ahead,
                      &(struct part){.taps = band->phase->depth.down,
                                     .lanes = (int)(left < PLANE_CHANNELS ? left : PLANE_CHANNELS),
                                     .weights = band->phase->packed + channel * band->phase->depth.total,
                                     .start = band->run->bias + channel,
                                     .sums = band->sums + channel * SUMS_LINE});
    }
}

/* Two rows of one channel: what only the upper one meets, what only the lower one meets, and all else together. */
static void multiply_beside(const struct band *band, struct plane_ahead *ahead) {
    const int64_t last = band->phase->depth.down - 1;
    const int64_t floats = band->phase->depth.length * band->phase->depth.across; /* of a tap */
    const float *weights = band->phase->packed, *bias = band->run->bias;
    float *upper = band->sums, *lower = band->sums + SUMS_LINE;
    multiply_part(band, ahead, &(struct part){0, 1, 1, weights, bias, upper});
    multiply_part(band, ahead, &(struct part){last, 1, 1, weights + floats, bias, lower});
    multiply_part(band, ahead, &(struct part){1, last - 1, 2, weights + 2 * floats, NULL, upper});
}

/* One row of outputs, or two beside each other. */
static void multiply(const struct band *band, int64_t row) {
    const struct blocked_depth *depth = &band->phase->depth;
    struct plane_ahead ahead =
        next_row(band, row + band->phase->beside * output_step(&band->phase->lattice.axis[1]),
                 depth->down * depth->length * divide_up(band->run->state->window.out_channels, PLANE_CHANNELS));
    if (band->phase->beside > 1)
        multiply_beside(band, &ahead);
    else
        multiply_channels(band, &ahead);
}

/* The sums of a channel's row, to their places. */
static void store(const struct band *band, int64_t channel, int64_t row, float *sums) {
    const struct blocked_run *run = band->run;
    const struct lattice_axis *ay = &band->phase->lattice.axis[1], *ax = &band->phase->lattice.axis[2];
    const int64_t plane = band->image * run->state->window.out_channels + channel;
    float *place =
        run->y + ((plane * ay->out) + ay->out0 + row * ay->out_step) * ax->out + ax->out0 + band->x * ax->out_step;
    activation_run(run->kernels, &run->state->activation, sums, (size_t)band->outputs);
    for (int64_t i = 0; i < band->outputs; i++)
        place[i * ax->out_step] = sums[i];
}

/* ---- a run ---- */

static void run_rows(const struct band *band, int64_t row) {
    const int64_t step = output_step(&band->phase->lattice.axis[1]);
    list_rows(band, row);
    multiply(band, row);
    for (int64_t c = 0; c < band->run->state->window.out_channels; c++)
        for (int64_t i = 0; i < band->phase->beside && row + i * step < band->end; i++)
            store(band, c, row + i * step, band->sums + (c + i) * SUMS_LINE);
}

/* Rows whose inputs are the same but for one tap, one after the other. */
static void run_band(const struct band *band) {
    const int64_t step = output_step(&band->phase->lattice.axis[1]);
    for (int64_t slot = 0; slot < band->phase->depth.down; slot++)
        band->held[slot] = INT64_MIN;
    for (int64_t first = band->first; first < band->first + step && first < band->end; first++)
        for (int64_t row = first; row < band->end; row += band->phase->beside * step)
            run_rows(band, row);
}

/*
 * Rows of a band: all for one thread, else some bands for each to balance with; what two bands share is turned twice.
 * Rows that stand beside each other are the same in any band.
 */
static int64_t band_rows(const struct blocked_run *run, const struct blocked_phase *phase, int64_t segments) {
    const struct lattice_axis *ay = &phase->lattice.axis[1];
    const int64_t columns = run->state->window.batch * segments, wanted = (int64_t)run->threads * 4;
    if (run->threads == 1 || columns >= wanted)
        return ay->points;
    const int64_t rows = ay->points * columns / wanted, least = 2 * ay->taps * row_step(ay);
    const int64_t whole = phase->beside * output_step(ay);
    return whole_units(rows < least ? least : rows, whole);
}

static struct band band_at(const struct blocked_run *run, const struct blocked_phase *phase, float *room) {
    struct band band = {.run = run, .phase = phase, .line = line_floats(phase), .row = row_floats(phase)};
    band.turned = room;
    band.sums = band.turned + phase->depth.down * band.row;
    band.lines = (struct block_pixel *)(band.sums + MOST_CHANNELS * SUMS_LINE);
    band.held = (int64_t *)(band.lines + phase->depth.down);
    return band;
}

/* Columns of segments, cut into bands of so many rows. */
struct narrow_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    int64_t size, segments, rows, bands;
    struct work_queue queue;
};

static struct band band_of(const struct narrow_work *work, int64_t unit, struct team_thread self) {
    const struct lattice_axis *ay = &work->phase->lattice.axis[1], *ax = &work->phase->lattice.axis[2];
    struct band band = band_at(work->run, work->phase, blocked_own(work->run, self));
    band.image = unit / (work->segments * work->bands);
    band.first = unit % work->bands * work->rows;
    band.end = band.first + work->rows < ay->points ? band.first + work->rows : ay->points;
    band.x = unit / work->bands % work->segments * work->size;
    band.outputs = ax->points - band.x < work->size ? ax->points - band.x : work->size;
    band.input = blocked_input_of(work->run, band.image);
    return band;
}

static int64_t band_units(const struct narrow_work *work) {
    return work->run->state->window.batch * work->segments * work->bands;
}

static void run_bands(struct team_thread self, void *context) {
    struct narrow_work *work = context;
    for (int64_t unit = 0; work_queue_take(&work->queue, self, band_units(work), &unit);) {
        struct band band = band_of(work, unit, self);
        find_columns(&band);
        run_band(&band);
    }
}

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct lattice_axis *ay = &phase->lattice.axis[1], *ax = &phase->lattice.axis[2];
    if (phase->lattice.points <= 0 || run->state->window.batch <= 0)
        return;
    struct narrow_work work = {.run = run, .phase = phase, .size = segment_outputs(phase)};
    work.segments = (ax->points + work.size - 1) / work.size;
    work.rows = band_rows(run, phase, work.segments);
    work.bands = (ay->points + work.rows - 1) / work.rows;
    work_queue_start(&work.queue, run->threads);
    team_run(band_units(&work) > 1 ? run->threads : 1, run_bands, &work);
}

/* ---- planning ---- */

static bool fits(const struct blocked_state *state, const struct kernels *kernels, const struct lattice *lattice) {
    (void)kernels;
    return !state->to_blocks && rows_fit(state, lattice);
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    (void)settings;
    phase->filter_count = 0;
    phase->beside = beside_of(state, &phase->lattice);
    phase->outputs = state->forced->outputs;
    phase->depth = (struct blocked_depth){.down = phase->lattice.axis[1].taps + phase->beside - 1,
                                          .across = phase->lattice.axis[2].taps,
                                          .length = state->window.in_channels,
                                          .blocks = channel_blocks(state->window.in_channels)};
    phase->depth.total = phase->lattice.axis[1].taps * phase->depth.across * phase->depth.length;
    phase->floats = state->window.out_channels * phase->depth.total * phase->beside;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->lattice.axis[1].out_step * rows_together(phase);
}

static uint64_t layout(const struct blocked_phase *phase) {
    return (uint64_t)phase->beside;
}

static struct blocked_bytes bytes(const struct blocked_state *state, int threads) {
    struct blocked_bytes most = {0};
    (void)threads;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (state->phases[i].algorithm == &few_outputs_algorithm)
            blocked_add_bytes(&most, (struct blocked_bytes){.own = own_bytes(&state->phases[i])});
    return most;
}

static void run_phases(const struct blocked_run *run) {
    for (int64_t i = 0; i < run->state->phase_count; i++)
        if (run->state->phases[i].algorithm == &few_outputs_algorithm)
            run_phase(run, &run->state->phases[i]);
}

const struct conv_algorithm few_outputs_algorithm = {.name = "few outputs",
                                                     .fits = fits,
                                                     .plan = plan,
                                                     .unit = unit,
                                                     .pack = few_outputs_pack,
                                                     .layout = layout,
                                                     .bytes = bytes,
                                                     .run = run_phases};
