#include "ops/blocked/fused/fused_plan.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/engine/blocked_phases.h"
#include "ops/conv/phase_access.h"

#include <stdlib.h>

#define ROW_TILE_BYTES ((int64_t)1 << 20) /* of a thread's buffer, about */
#define LEAST_BYTES ((int64_t)3 << 20)    /* of an image: less stays in a cache anyway */
#define LEAST_ROW_TILES 4
#define BANDS 4 /* for every thread, to balance with */
#define MOST_UNIT 64

/* ---- which rows meet which ---- */

/* Rows of the input that a row of outputs meets; none: first >= end. */
static struct rows rows_met(const struct blocked_state *state, int64_t out) {
    struct rows met = {INT64_MAX, INT64_MIN};
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct phase_axis *ay = &state->phases[i].geometry.axis[1];
        const int64_t position = (out - ay->out0) / ay->out_step;
        if (out < ay->out0 || (out - ay->out0) % ay->out_step != 0 || position >= ay->positions)
            continue;
        for (int64_t tap = 0; tap < ay->taps; tap++) {
            const int64_t y = border_index(state->window.border, phase_input(ay, position, tap), ay->in);
            if (y >= 0 && y < met.first)
                met.first = y;
            if (y >= met.end)
                met.end = y + 1;
        }
    }
    return met;
}

struct rows row_tiles_met(const struct blocked_state *state, int64_t out, int64_t unit) {
    struct rows met = {INT64_MAX, INT64_MIN};
    for (int64_t row = out; row < out + unit && row < state->window.axis[1].out; row++) {
        const struct rows one = rows_met(state, row);
        met.first = one.first < met.first ? one.first : met.first;
        met.end = one.end > met.end ? one.end : met.end;
    }
    return met;
}

int64_t row_tiles_ready(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end) {
    const int64_t rows = state->window.axis[1].out;
    while (out < rows && row_tiles_met(state, out, unit).end <= end)
        out += unit;
    return at_most(out, rows);
}

/* From `out` on, the first row that meets no rows before `first`. */
static int64_t ready_first(const struct blocked_state *state, int64_t out, int64_t unit, int64_t first) {
    const int64_t rows = state->window.axis[1].out;
    while (out < rows && row_tiles_met(state, out, unit).first < first)
        out += unit;
    return at_most(out, rows);
}

/* Rows of outputs meet rows of inputs in order: what lies above is not needed again. */
static bool goes_down(const struct blocked_state *state, int64_t unit) {
    struct rows before = {INT64_MIN, INT64_MIN};
    for (int64_t out = 0; out < state->window.axis[1].out; out += unit) {
        const struct rows met = row_tiles_met(state, out, unit);
        if (met.first >= met.end)
            continue;
        if (met.first < before.first || met.end < before.end)
            return false;
        before = met;
    }
    return true;
}

/* ---- rows of a convolution ---- */

void row_tiles_limit(const struct blocked_state *full, const struct kernels *kernels, struct rows rows, int64_t top,
                     struct blocked_state *part, struct blocked_phase *phases) {
    *part = *full;
    part->phases = phases;
    part->window.batch = 1;
    for (int64_t i = 0; i < full->phase_count; i++) {
        struct blocked_phase *phase = &phases[i];
        *phase = full->phases[i];
        blocked_limit_rows(&phase->geometry.axis[1], rows, top);
        phase_close(&phase->geometry, phase->geometry.channels);
        if (phase->algorithm->limit_rows)
            phase->algorithm->limit_rows(&part->window, kernels, rows, top, phase);
    }
}

/* ---- planning ---- */

static int64_t divisor_of(int64_t a, int64_t b) {
    return b == 0 ? a : divisor_of(b, a % b);
}

static int64_t multiple_of(int64_t a, int64_t b) {
    return a / divisor_of(a, b) * b;
}

/* Rows of outputs that belong together: of tiles, or of rows that are multiplied beside each other. */
static int64_t unit_of(const struct blocked_state *state) {
    int64_t unit = 1;
    for (int64_t i = 0; i < state->phase_count && unit <= MOST_UNIT; i++)
        unit = multiple_of(unit, state->phases[i].algorithm->unit(&state->phases[i]));
    return unit;
}

/* Blocks of one image after the other, with constant weights; bits of weights in passing depend on the tiles. */
static bool is_plain(const struct blocked_state *state) {
    bool plain = state->from_blocks && !state->uncovered && state->window.group == 1 && state->packed_bytes == 0 &&
                 state->window.batch > 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        plain = plain &&
                (state->phases[i].grid_count == 0 || winograd_has_weights(&state->phases[i], WINOGRAD_TRANSFORMED));
    return plain;
}

static int64_t row_bytes(const struct blocked_state *state) {
    return row_tiles_row(state) * (int64_t)sizeof(float);
}

static bool are_worth_it(const struct blocked_state *first, const struct blocked_state *second) {
    return is_plain(first) && is_plain(second) && first->to_blocks && !second->to_blocks &&
           forced_decide(second->forced->fused, row_bytes(first) * first->window.axis[1].out >= LEAST_BYTES);
}

/* Row tiles and bands, without halos and sizes; false where the image is too small for them. */
static bool cut_rows(const struct blocked_state *first, const struct blocked_state *second, int threads,
                     struct row_tiling *s) {
    const int64_t unit = unit_of(first), out = first->window.axis[1].out;
    s->unit = unit_of(second);
    if (unit > MOST_UNIT || s->unit > MOST_UNIT)
        return false;
    const int64_t fitting = ROW_TILE_BYTES / (row_bytes(first) * unit);
    s->rows = whole_units(forced_size(second->forced->row_tile, unit * (fitting > 1 ? fitting : 1)), unit);
    const int64_t row_tiles = divide_up(out, s->rows);
    if (row_tiles < 2 || !forced_decide(second->forced->fused, row_tiles >= LEAST_ROW_TILES) ||
        !goes_down(second, s->unit))
        return false;
    const int64_t wanted = threads == 1 ? 1 : divide_up((int64_t)threads * BANDS, first->window.batch);
    s->band = forced_size(second->forced->band, divide_up(row_tiles, between(1, wanted, row_tiles / 2))) * s->rows;
    s->bands = divide_up(out, s->band);
    return true;
}

/* The halo behind each band but the last; false where one meets more rows than a band and a row_tile have. */
static bool list_halos(const struct blocked_state *second, struct row_tiling *s) {
    for (int64_t i = 0; i + 1 < s->bands; i++) {
        struct halo *halo = &s->halo[i];
        const int64_t row = (i + 1) * s->band;
        halo->out.first = row_tiles_ready(second, i ? s->halo[i - 1].out.end : 0, s->unit, row);
        halo->out.end = ready_first(second, halo->out.first, s->unit, row);
        halo->met = row_tiles_met(second, halo->out.first, halo->out.end - halo->out.first);
        if (halo->met.first >= halo->met.end)
            halo->met = (struct rows){row, row};
        if (halo->met.end > row + s->rows || halo->met.first < row - s->band)
            return false;
        s->halo_rows = halo->met.end - halo->met.first > s->halo_rows ? halo->met.end - halo->met.first : s->halo_rows;
    }
    return true;
}

int64_t row_tiles_needed(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end) {
    return at_most(row_tiles_met(state, out, unit).first, end);
}

/* The most rows that a thread holds: a row_tile, and those before it that are still needed. */
static void find_held(const struct blocked_state *first, const struct blocked_state *second, struct row_tiling *s) {
    const int64_t rows = first->window.axis[1].out;
    s->held = s->rows;
    for (int64_t end = s->rows, out = 0; end < rows; end += s->rows) {
        out = row_tiles_ready(second, out, s->unit, end);
        const int64_t held = end - row_tiles_needed(second, out, s->unit, end) + s->rows;
        s->held = held > s->held ? held : s->held;
    }
}

static size_t lines_of(size_t bytes) {
    return (size_t)whole_units(divide_up((int64_t)bytes, (int64_t)sizeof(float)), CHANNEL_BLOCK);
}

/* Workspace of the algorithms for any row_tile: of the whole ones, and of the last. */
static status find_work(const struct op_call *call, const struct blocked_state *first,
                        const struct blocked_state *second, struct blocked_bytes *work, struct error *err) {
    const struct row_tiling *s = second->row_tiles;
    const int64_t rows = first->window.axis[1].out, last = (rows - 1) / s->rows * s->rows;
    struct blocked_phase *phases = calloc((size_t)first->phase_count, sizeof *phases);
    if (!phases)
        return fail_memory(err, "the phases of a convolution");
    *work = blocked_work_bytes(second, 1);
    for (int i = 0; i < 2; i++) {
        const struct rows row_tile = i ? (struct rows){last, rows} : (struct rows){0, s->rows};
        struct blocked_state part;
        row_tiles_limit(first, call->kernels, row_tile, 0, &part, phases);
        blocked_add_bytes(work, blocked_work_bytes(&part, 1));
    }
    free(phases);
    return STATUS_OK;
}

static status find_sizes(struct op_call *call, const struct blocked_state *first, const struct blocked_state *second,
                         size_t *workspace_bytes, struct error *err) {
    struct row_tiling *s = second->row_tiles;
    struct blocked_bytes work = {0};
    if (find_work(call, first, second, &work, err) != STATUS_OK)
        return err->code;
    const size_t row = (size_t)row_tiles_row(first);
    s->bias = lines_of(first->bias_bytes + second->bias_bytes);
    s->halos = (size_t)(first->window.batch * (s->bands - 1) * s->halo_rows) * row;
    s->tables = lines_of((size_t)(first->phase_count + second->phase_count) * sizeof(struct blocked_phase));
    s->buffer = (size_t)s->held * row;
    s->work = lines_of(work.shared);
    *workspace_bytes = (s->bias + s->halos) * sizeof(float);
    call->own_bytes = (s->tables + s->buffer + s->work) * sizeof(float) + work.own;
    return STATUS_OK;
}

static status stay_apart(const struct blocked_state *second, struct error *err) {
    return second->forced->fused == FORCED_YES ? fail(err, STATUS_UNSUPPORTED, "these two cannot run as one")
                                               : STATUS_OK;
}

status blocked_fuse(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err) {
    const struct blocked_state *a = first->state;
    struct blocked_state *b = second->state;
    struct row_tiling tiling = {0};
    *workspace_bytes = 0;
    if (second->op->fuse != first->op->fuse)
        return STATUS_OK;
    if (!are_worth_it(a, b) || !cut_rows(a, b, first->threads, &tiling))
        return stay_apart(b, err);
    struct row_tiling *s = malloc(sizeof *s + (size_t)tiling.bands * sizeof s->halo[0]);
    if (!s)
        return fail_memory(err, "the row_tiles of a convolution");
    *s = tiling;
    b->row_tiles = s;
    if (!list_halos(b, s))
        return stay_apart(b, err);
    find_held(a, b, s);
    return find_sizes(second, a, b, workspace_bytes, err);
}
