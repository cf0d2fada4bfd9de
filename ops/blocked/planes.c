#include "ops/blocked/planes.h"

#include "base/sizes.h"
#include "ops/blocked/blocked_run.h"
#include "ops/blocked/packing.h"
#include "ops/core/work_queue.h"
#include "ops/kernels/families.h"

#include <string.h>

#define STORED_FLOATS 6144 /* of the rows that are stored, about: they stay in the nearest cache */
#define MOST_REACH 256     /* of a window */
/*
 * What is faster in channel blocks: rows of fewer outputs than LEAST_COLUMNS, but for those that nearly fill a vector
 * and have small windows, and other numbers of taps down than the kernel shares inputs for; unless lanes of most
 * blocks were empty.
 */
#define LEAST_COLUMNS 24
#define LINE_COLUMNS 14
#define LEAST_ROWS 4
#define FEW_CHANNELS 8

/* How rows of a plane are stored, with their border. A band is some rows of outputs. */
struct plane_store {
    int64_t row;        /* floats */
    int64_t halo, rows; /* rows of inputs that one row of outputs meets; rows that are stored at most */
    int64_t band;       /* rows of outputs of a band at most */
};

static int64_t reach_of(const struct phase_axis *axis) {
    return (axis->taps - 1) * axis->tap_step + 1;
}

static struct plane_store store_of(const struct blocked_phase *phase) {
    const struct phase_axis *ay = &phase->geometry.axis[1], *ax = &phase->geometry.axis[2];
    struct plane_store store = {.halo = reach_of(ay)};
    store.row = whole_units(whole_units(ax->positions, PLANES_LANES) + reach_of(ax) - 1, CHANNEL_BLOCK);
    const int64_t least = PLANES_ROWS * ay->tap_step, fit = STORED_FLOATS / store.row - store.halo + 1;
    store.band = forced_size(phase->band_columns, at_most(ay->positions, fit > least ? fit / least * least : least));
    store.rows = (store.band > least ? store.band : least) + ay->tap_step - 1 + store.halo;
    return store;
}

/* ---- a run ---- */

struct planes_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct plane_store store;
    int64_t bands;
    struct work_queue queue;
};

/* A band of a plane of a batch row. */
struct plane_band {
    const struct planes_work *work;
    int64_t plane, first, rows;
    float *stored;
};

/* Columns first..end of a stored row, which lie beyond the input's row x. */
static void store_border(const struct planes_work *work, const float *x, int64_t first, int64_t end, float *to) {
    const struct phase_axis *ax = &work->phase->geometry.axis[2];
    for (int64_t j = first; j < end; j++) {
        const int64_t i = border_index(work->run->state->window.border, ax->first + j, ax->in);
        to[j] = i < 0 ? 0 : x[i];
    }
}

/* `count` rows that begin with the input's row x. Zeros of the border beside them are there. */
static void store_inner(const struct planes_work *work, const float *x, int64_t count, float *to) {
    const struct phase_axis *ax = &work->phase->geometry.axis[2];
    const int64_t width = ax->positions - 1 + reach_of(ax);
    const int64_t left = between(0, -ax->first, width), right = between(left, ax->in - ax->first, width);
    if (left < right)
        planes_kernel_of(work->run->kernels)
            ->copy(x + ax->first + left, (size_t)ax->in, count, right - left, to + left, (size_t)work->store.row);
    for (int64_t i = 0; i < count && work->run->state->window.border != BORDER_ZERO; i++) {
        store_border(work, x + i * ax->in, 0, left, to + i * work->store.row);
        store_border(work, x + i * ax->in, right, width, to + i * work->store.row);
    }
}

/* Stored rows first..end, which lie above or below the input. Where a band is the plane, rows of zeros are there. */
static void store_beyond(const struct plane_band *band, const float *plane, int64_t top, int64_t first, int64_t end) {
    const struct planes_work *work = band->work;
    const struct phase_axis *ay = &work->phase->geometry.axis[1], *ax = &work->phase->geometry.axis[2];
    const enum border border = work->run->state->window.border;
    for (int64_t i = first; i < end; i++) {
        const int64_t y = border_index(border, top + i, ay->in);
        float *to = band->stored + i * work->store.row;
        if (y >= 0)
            store_inner(work, plane + y * ax->in, 1, to);
        else if (work->bands > 1 || border != BORDER_ZERO)
            memset(to, 0, (size_t)work->store.row * sizeof *to);
    }
}

/* All rows of inputs that a band meets. */
static void store_rows(const struct plane_band *band) {
    const struct planes_work *work = band->work;
    const struct phase_axis *ay = &work->phase->geometry.axis[1], *ax = &work->phase->geometry.axis[2];
    const float *plane = work->run->x + band->plane * ay->in * ax->in;
    const int64_t count = band->rows - 1 + work->store.halo, top = band->first + ay->first;
    const int64_t above = between(0, -top, count), below = between(above, ay->in - top, count);
    store_beyond(band, plane, top, 0, above);
    store_inner(work, plane + (top + above) * ax->in, below - above, band->stored + above * work->store.row);
    store_beyond(band, plane, top, below, count);
}

/* Rows whose taps lie `tap_step` rows apart share inputs with those that lie as far apart. */
static void make_band(const struct plane_band *band) {
    const struct planes_work *work = band->work;
    const struct blocked_run *run = work->run;
    const struct phase_axis *ay = &work->phase->geometry.axis[1], *ax = &work->phase->geometry.axis[2];
    const int64_t channel = band->plane % run->state->window.group, apart = ay->tap_step;
    float *y = run->y + (band->plane * ay->positions + band->first) * ax->positions;
    struct plane_conv conv = {.x_row = (size_t)(apart * work->store.row),
                              .tap_step = (size_t)ax->tap_step,
                              .down = (int)ay->taps,
                              .across = (int)ax->taps,
                              .weights = work->phase->packed + channel * ay->taps * ax->taps,
                              .bias = run->bias[channel]};
    for (int64_t i = 0; i < apart && i < band->rows; i++) {
        conv.x = band->stored + i * work->store.row;
        planes_kernel_of(run->kernels)
            ->rows(&conv, divide_up(band->rows - i, apart), ax->positions, y + i * ax->positions,
                   (size_t)(apart * ax->positions));
    }
    activation_run(run->kernels, &run->state->activation, y, (size_t)(band->rows * ax->positions));
}

static int64_t units_of(const struct planes_work *work) {
    return window_images(&work->run->state->window) * work->bands;
}

static void run_bands(struct team_thread self, void *context) {
    struct planes_work *work = context;
    const struct phase_axis *ay = &work->phase->geometry.axis[1];
    struct plane_band band = {.work = work, .stored = blocked_scratch(work->run, self)};
    memset(band.stored, 0, (size_t)(work->store.rows * work->store.row) * sizeof *band.stored);
    for (int64_t unit = 0; work_queue_take(&work->queue, self, units_of(work), &unit);) {
        band.plane = unit / work->bands;
        band.first = unit % work->bands * work->store.band;
        band.rows = at_most(ay->positions - band.first, work->store.band);
        store_rows(&band);
        make_band(&band);
    }
}

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase) {
    struct planes_work work = {.run = run, .phase = phase, .store = store_of(phase)};
    work.bands = divide_up(phase->geometry.axis[1].positions, work.store.band);
    work_queue_start(&work.queue, run->threads);
    team_run(units_of(&work) > 1 ? run->threads : 1, run_bands, &work);
}

static void run_phases(const struct blocked_run *run) {
    blocked_run_each(run, &planes_algorithm, run_phase);
}

/* ---- weights: [channel][tap of x][tap of y] ---- */

static void pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed) {
    const struct phase_geometry *geometry = &job->phase->geometry;
    const int64_t down = geometry->axis[1].taps, across = geometry->axis[2].taps;
    for (int64_t tap = 0; slice->panel == 0 && tap < down * across; tap++)
        packed[tap % across * down + tap / across] =
            pack_weight(job, weights, slice->group, 0, 0, phase_kernel(&job->state->window, geometry, tap));
}

/* ---- planning ---- */

static bool pays(const struct window *window, const struct phase_axis *ay, const struct phase_axis *ax) {
    const bool shared = ay->taps == 3 || ay->taps == 5 || ay->taps == 7;
    const bool line = ay->taps == 3 && ax->positions >= LINE_COLUMNS && ax->positions <= CHANNEL_BLOCK;
    return ay->positions >= LEAST_ROWS &&
           (window->group <= FEW_CHANNELS || (shared && (line || ax->positions >= LEAST_COLUMNS)));
}

static bool fits(const struct blocked_state *state, const struct kernels *kernels,
                 const struct phase_geometry *geometry) {
    const struct phase_axis *ay = &geometry->axis[1], *ax = &geometry->axis[2];
    (void)kernels;
    return state->forced->planes != FORCED_NO && !state->from_blocks && !state->to_blocks && !state->transposed &&
           window_is_depthwise(&state->window) && ax->step == 1 && ay->step == 1 && geometry->taps <= PRODUCT_CHAIN &&
           reach_of(ax) <= MOST_REACH && reach_of(ay) <= MOST_REACH &&
           (pays(&state->window, ay, ax) || state->forced->planes == FORCED_YES);
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    (void)settings;
    phase->grid_count = 0;
    phase->band_columns = state->forced->band_columns;
    phase->floats = state->window.group * phase->geometry.taps;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->geometry.axis[1].out_step;
}

static uint64_t layout(const struct blocked_phase *phase) {
    (void)phase;
    return 0;
}

static size_t scratch_bytes(const struct blocked_phase *phase) {
    const struct plane_store store = store_of(phase);
    return whole_line_bytes((size_t)(store.rows * store.row) * sizeof(float));
}

static struct blocked_bytes bytes(const struct blocked_state *state, int threads) {
    (void)threads;
    return blocked_scratch_bytes(state, &planes_algorithm, scratch_bytes);
}

const struct conv_algorithm planes_algorithm = {.name = "planes",
                                                .fits = fits,
                                                .plan = plan,
                                                .unit = unit,
                                                .pack = pack,
                                                .layout = layout,
                                                .bytes = bytes,
                                                .run = run_phases};
