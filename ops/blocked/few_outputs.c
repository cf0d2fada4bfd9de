#include "ops/blocked/few_outputs.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/few_outputs_band.h"
#include "ops/blocked/few_outputs_pack.h"
#include "ops/core/work_queue.h"

/*
 * Rows of so many columns fill the lanes that are pixels. Lanes that are channels of the input are mostly empty with so
 * few of them; those of the output leave their registers empty with so few, or, in pictures that lie near, with a few
 * more. What they do before and behind their sums weighs where sums are short.
 */
#define WORTH_COLUMNS 32
#define WORTH_OUTPUTS 24
#define WORTH_POSITIONS ((int64_t)1 << 14)
#define WORTH_PRODUCTS 16
#define WORTH_STRIDE 2 /* rows become short by larger ones */

bool few_outputs_of_planes(int64_t channels, int64_t taps, int64_t stride, int64_t dilation) {
    return channels <= FEW_OUTPUTS_PLANES && stride <= WORTH_STRIDE && dilation <= FEW_OUTPUTS_REACH &&
           (taps - 1) * dilation <= FEW_OUTPUTS_REACH;
}

/* ---- a run ---- */

/*
 * Rows of a band: all with one thread, else such that each has several bands, to end at about the same time. Input rows
 * that two bands meet are transposed twice. Rows that are computed together are the same ones in any band.
 */
static int64_t band_rows(const struct blocked_run *run, const struct blocked_phase *phase, int64_t across) {
    const struct phase_axis *ay = &phase->geometry.axis[1];
    const int64_t columns = run->state->window.batch * across, wanted = (int64_t)run->threads * 4;
    if (run->threads == 1 || columns >= wanted)
        return ay->positions;
    const int64_t rows = ay->positions * columns / wanted, least = 2 * ay->taps * few_outputs_row_step(ay);
    const int64_t whole = phase->rows_together * few_outputs_output_step(ay);
    return whole_units(rows < least ? least : rows, whole);
}

/* How many columns and rows a band has, and how many bands lie across and down the output. */
struct few_outputs_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    int64_t columns, across, rows, down;
    struct work_queue queue;
};

static struct few_outputs_band band_of(const struct few_outputs_work *work, int64_t unit, struct team_thread self) {
    const struct phase_axis *ay = &work->phase->geometry.axis[1], *ax = &work->phase->geometry.axis[2];
    struct few_outputs_band band = few_outputs_band_of(work->run, work->phase, blocked_scratch(work->run, self));
    band.image = unit / (work->across * work->down);
    band.first = unit % work->down * work->rows;
    band.end = band.first + work->rows < ay->positions ? band.first + work->rows : ay->positions;
    band.x = unit / work->down % work->across * work->columns;
    band.columns = ax->positions - band.x < work->columns ? ax->positions - band.x : work->columns;
    band.input = few_outputs_input(work->run, band.image);
    return band;
}

static int64_t band_units(const struct few_outputs_work *work) {
    return work->run->state->window.batch * work->across * work->down;
}

static void run_bands(struct team_thread self, void *context) {
    struct few_outputs_work *work = context;
    for (int64_t unit = 0; work_queue_take(&work->queue, self, band_units(work), &unit);) {
        struct few_outputs_band band = band_of(work, unit, self);
        few_outputs_run_band(&band);
    }
}

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct phase_axis *ay = &phase->geometry.axis[1], *ax = &phase->geometry.axis[2];
    struct few_outputs_work work = {.run = run, .phase = phase, .columns = few_outputs_columns(phase)};
    work.across = (ax->positions + work.columns - 1) / work.columns;
    work.rows = band_rows(run, phase, work.across);
    work.down = (ay->positions + work.rows - 1) / work.rows;
    work_queue_start(&work.queue, run->threads);
    team_run(band_units(&work) > 1 ? run->threads : 1, run_bands, &work);
}

/* ---- planning ---- */

static int64_t rows_together_of(const struct blocked_state *state, const struct phase_geometry *geometry) {
    const struct phase_axis *ay = &geometry->axis[1];
    const bool can = !state->to_blocks && state->window.out_channels == 1 && ay->taps > 1 &&
                     few_outputs_row_step(ay) % ay->step == 0;
    return can && state->forced->rows_together != 1 ? 2 : 1;
}

static int64_t unit_rows(const struct blocked_phase *phase) {
    return phase->rows_together > 1 ? phase->rows_together * few_outputs_output_step(&phase->geometry.axis[1]) : 1;
}

static bool rows_fit(const struct blocked_state *state, const struct phase_geometry *geometry) {
    const struct phase_axis *ax = &geometry->axis[2];
    const bool can = state->from_blocks ? state->window.out_channels <= FEW_OUTPUTS_MOST && ax->step == 1
                                        : ax->step <= FEW_OUTPUTS_STEP;
    return can && state->window.group == 1 && few_outputs_reach(ax) <= FEW_OUTPUTS_REACH;
}

static bool fits(const struct blocked_state *state, const struct kernels *kernels,
                 const struct phase_geometry *geometry) {
    (void)kernels;
    const bool may = !state->from_blocks && geometry->axis[2].out_step == 1 && state->forced->winograd != FORCED_YES;
    return (!state->to_blocks || may) && rows_fit(state, geometry);
}

/* Of a plain input and channel blocks of outputs: whether lanes that are pixels cost less than lanes that are channels.
 */
static bool is_worth(const struct blocked_state *state, const struct phase_geometry *geometry) {
    const int64_t columns = geometry->axis[2].positions, out = state->window.out_channels;
    const bool few = out <= WORTH_OUTPUTS || (out <= 2 * CHANNEL_BLOCK && geometry->positions <= WORTH_POSITIONS) ||
                     geometry->taps * state->window.in_channels <= WORTH_PRODUCTS;
    return few && state->window.in_channels <= FEW_OUTPUTS_PLANES &&
           columns * 5 >= whole_units(columns, WORTH_COLUMNS) * 4;
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    (void)settings;
    if (state->to_blocks && !forced_decide(state->forced->few_outputs, is_worth(state, &phase->geometry)))
        return false;
    phase->grid_count = 0;
    phase->rows_together = rows_together_of(state, &phase->geometry);
    phase->band_columns = state->forced->band_columns;
    phase->depth = (struct blocked_depth){.down = phase->geometry.axis[1].taps + phase->rows_together - 1,
                                          .across = phase->geometry.axis[2].taps,
                                          .length = state->window.in_channels,
                                          .blocks = channel_blocks(state->window.in_channels)};
    phase->lines = state->from_blocks ? phase->depth.blocks * CHANNEL_BLOCK
                                      : phase->depth.length * few_outputs_residues(&phase->geometry.axis[2]);
    phase->depth.total = phase->geometry.axis[1].taps * phase->depth.across * phase->depth.length;
    phase->floats = state->window.out_channels * phase->depth.total * phase->rows_together;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->geometry.axis[1].out_step * unit_rows(phase);
}

static uint64_t layout(const struct blocked_phase *phase) {
    return (uint64_t)phase->rows_together;
}

static struct blocked_bytes bytes(const struct blocked_state *state, int threads) {
    (void)threads;
    return blocked_scratch_bytes(state, &few_outputs_algorithm, few_outputs_scratch_bytes);
}

static void run_phases(const struct blocked_run *run) {
    blocked_run_each(run, &few_outputs_algorithm, run_phase);
}

const struct conv_algorithm few_outputs_algorithm = {.name = "few outputs",
                                                     .fits = fits,
                                                     .plan = plan,
                                                     .unit = unit,
                                                     .pack = few_outputs_pack,
                                                     .layout = layout,
                                                     .bytes = bytes,
                                                     .run = run_phases};
