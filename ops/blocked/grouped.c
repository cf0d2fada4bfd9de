#include "ops/blocked/grouped.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/grouped_strip.h"
#include "ops/blocked/packing.h"
#include "ops/core/work_queue.h"

/* ---- a run ---- */

/* Strips down and across a phase's positions, of every channel block of every batch row. */
struct grouped_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    int64_t blocks, rows, down, columns, across;
    struct work_queue queue;
};

/* Rows of a strip: all, where there are units enough to keep all threads busy. */
static int64_t strip_rows(const struct grouped_work *work) {
    const int64_t rows = work->phase->geometry.axis[1].positions;
    const int64_t others = work->blocks * work->run->state->window.batch * work->across;
    const int64_t wanted = (int64_t)work->run->threads * 4;
    return work->run->threads == 1 || others >= wanted ? rows : divide_up(rows, divide_up(wanted, others));
}

static int64_t units_of(const struct grouped_work *work) {
    return work->run->state->window.batch * work->blocks * work->across * work->down;
}

static void run_strips(struct team_thread self, void *context) {
    struct grouped_work *work = context;
    float *scratch = blocked_scratch(work->run, self);
    grouped_clear(work->run, work->phase, scratch);
    const struct phase_axis *axis = &work->phase->geometry.axis[1];
    for (int64_t unit = 0; work_queue_take(&work->queue, self, units_of(work), &unit);) {
        const int64_t strip = unit % (work->across * work->down), block = unit / (work->across * work->down);
        const int64_t first = strip % work->down * work->rows, x = strip / work->down * work->columns;
        grouped_run_strip(&(struct grouped_strip){.run = work->run,
                                                  .phase = work->phase,
                                                  .batch_row = block / work->blocks,
                                                  .block = block % work->blocks,
                                                  .first = first,
                                                  .end = at_most(axis[0].positions, first + work->rows),
                                                  .x = x,
                                                  .columns = at_most(axis[1].positions - x, work->columns)},
                          scratch);
    }
}

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct phase_axis *axis = &phase->geometry.axis[1];
    struct grouped_work work = {.run = run, .phase = phase, .blocks = window_out_blocks(&run->state->window)};
    work.columns = phase->rows.columns;
    work.across = divide_up(axis[1].positions, work.columns);
    work.rows = strip_rows(&work);
    work.down = divide_up(axis[0].positions, work.rows);
    work_queue_start(&work.queue, run->threads);
    team_run(units_of(&work) > 1 ? run->threads : 1, run_strips, &work);
}

static void run_phases(const struct blocked_run *run) {
    blocked_run_each(run, &grouped_algorithm, run_phase);
}

/* ---- weights: [channel block of outputs][input channel of the group][tap][16] ---- */

/* A group has lanes of its own, and the first one those that no channel has. */
static void pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed) {
    const struct blocked_phase *phase = job->phase;
    const struct window *window = &job->state->window;
    const int64_t entries = phase->rows.entries, taps = phase->geometry.taps, out = window->out_channels;
    float *const all = packed - slice->group * (phase->floats / window->group);
    if (slice->panel > 0)
        return;
    for (int64_t m = slice->group * out; m < (slice->group + 1) * out; m++)
        for (int64_t entry = 0; entry < entries; entry++)
            all[(m / CHANNEL_BLOCK * entries + entry) * CHANNEL_BLOCK + m % CHANNEL_BLOCK] =
                pack_weight(job, weights, slice->group, m % out, entry / taps,
                            phase_kernel(window, &phase->geometry, entry % taps));
    for (int64_t m = window->group * out; slice->group == 0 && m % CHANNEL_BLOCK != 0; m++)
        for (int64_t entry = 0; entry < entries; entry++)
            all[(m / CHANNEL_BLOCK * entries + entry) * CHANNEL_BLOCK + m % CHANNEL_BLOCK] = 0;
}

/* ---- planning ---- */

static bool fits(const struct blocked_state *state, const struct kernels *kernels,
                 const struct phase_geometry *geometry) {
    const struct grouped_rows rows = grouped_rows_of(&state->window, geometry, 0);
    (void)kernels;
    return ((state->from_blocks && state->to_blocks) || (window_is_depthwise(&state->window) && !state->transposed)) &&
           window_mixes_groups(&state->window) && rows.channels <= GROUPED_CHANNELS && rows.reach[0] <= GROUPED_REACH &&
           rows.reach[1] <= GROUPED_REACH && rows.channels * rows.reach[0] * rows.reach[1] <= GROUPED_REACH;
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    (void)settings;
    phase->grid_count = 0;
    phase->rows = grouped_rows_of(&state->window, &phase->geometry, state->forced->band_columns);
    grouped_turn(state, &phase->geometry, &phase->rows);
    phase->floats = window_out_blocks(&state->window) * phase->rows.entries * CHANNEL_BLOCK;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->geometry.axis[1].out_step;
}

static uint64_t layout(const struct blocked_phase *phase) {
    return (uint64_t)phase->rows.channels;
}

static struct blocked_bytes bytes(const struct blocked_state *state, int threads) {
    (void)threads;
    return blocked_scratch_bytes(state, &grouped_algorithm, grouped_scratch_bytes);
}

const struct conv_algorithm grouped_algorithm = {.name = "grouped",
                                                 .fits = fits,
                                                 .plan = plan,
                                                 .unit = unit,
                                                 .pack = pack,
                                                 .layout = layout,
                                                 .bytes = bytes,
                                                 .run = run_phases};
