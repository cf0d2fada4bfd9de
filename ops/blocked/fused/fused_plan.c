#include "ops/blocked/fused/fused_plan.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/engine/blocked_phases.h"
#include "ops/conv/phase_access.h"
#include "ops/core/op_facts.h"

#include <stdlib.h>

#define ROW_TILE_BYTES ((int64_t)1 << 20) /* of a row tile, about: it stays in L2 or L3 */
#define LEAST_BYTES ((int64_t)3 << 20)    /* of an image between the two: less stays in a cache anyway */
#define LEAST_ROW_TILES 4
#define BANDS 4 /* for every thread, so that all end at about the same time */
#define MOST_UNIT 64

/* ---- which rows meet which ---- */

/* The rows of the input that one row of the output meets. */
static struct row_range rows_met(const struct blocked_state *state, int64_t out) {
    struct row_range met = {INT64_MAX, INT64_MIN};
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

struct row_range fused_rows_met(const struct blocked_state *state, int64_t out, int64_t unit) {
    struct row_range met = {INT64_MAX, INT64_MIN};
    for (int64_t row = out; row < out + unit && row < state->window.axis[1].out; row++) {
        const struct row_range one = rows_met(state, row);
        met.first = one.first < met.first ? one.first : met.first;
        met.end = one.end > met.end ? one.end : met.end;
    }
    return met;
}

int64_t fused_rows_ready(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end) {
    const int64_t rows = state->window.axis[1].out;
    while (out < rows && fused_rows_met(state, out, unit).end <= end)
        out += unit;
    return at_most(out, rows);
}

/* The first row of the output, from `out` on, that meets no row before `first`. */
static int64_t ready_first(const struct blocked_state *state, int64_t out, int64_t unit, int64_t first) {
    const int64_t rows = state->window.axis[1].out;
    while (out < rows && fused_rows_met(state, out, unit).first < first)
        out += unit;
    return at_most(out, rows);
}

/* Whether later rows of the output never meet earlier rows of the input: what lies above is not needed again. */
static bool goes_downwards(const struct blocked_state *state, int64_t unit) {
    struct row_range before = {INT64_MIN, INT64_MIN};
    for (int64_t out = 0; out < state->window.axis[1].out; out += unit) {
        const struct row_range met = fused_rows_met(state, out, unit);
        if (met.first >= met.end)
            continue;
        if (met.first < before.first || met.end < before.end)
            return false;
        before = met;
    }
    return true;
}

/* ---- rows of a convolution ---- */

void fused_limit_rows(const struct blocked_state *full, const struct kernels *kernels, struct row_range rows,
                      int64_t top, struct blocked_state *part, struct blocked_phase *phases) {
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

static int64_t common_multiple(int64_t a, int64_t b) {
    return a / greatest_common_divisor(a, b) * b;
}

/* Rows of the output that are computed together, by all algorithms of its phases. */
static int64_t unit_of(const struct blocked_state *state) {
    int64_t unit = 1;
    for (int64_t i = 0; i < state->phase_count && unit <= MOST_UNIT; i++)
        unit = common_multiple(unit, state->phases[i].algorithm->unit(&state->phases[i]));
    return unit;
}

/*
 * From channel blocks, one group, constant weights. Winograd with other weights than WINOGRAD_TRANSFORMED may add up in
 * an order that depends on the number of tiles: then a row tile would not have the bits of the whole.
 */
static bool is_fusable(const struct blocked_state *state) {
    bool fusable = state->from_blocks && !state->uncovered && state->window.group == 1 && state->packed_bytes == 0 &&
                   state->window.batch > 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        fusable = fusable &&
                  (state->phases[i].grid_count == 0 || winograd_has_weights(&state->phases[i], WINOGRAD_TRANSFORMED));
    return fusable;
}

static int64_t row_bytes(const struct blocked_state *state) {
    return fused_row_floats(state) * (int64_t)sizeof(float);
}

static bool can_fuse(const struct blocked_state *first, const struct blocked_state *second) {
    return is_fusable(first) && is_fusable(second) && first->to_blocks && !second->to_blocks &&
           forced_decide(second->forced->fused, row_bytes(first) * first->window.axis[1].out >= LEAST_BYTES);
}

/* Finds row tiles and bands; false where the image has too few rows. */
static bool divide_rows(const struct blocked_state *first, const struct blocked_state *second, int threads,
                        struct row_tiling *tiling) {
    const int64_t unit = unit_of(first), out = first->window.axis[1].out;
    tiling->unit = unit_of(second);
    if (unit > MOST_UNIT || tiling->unit > MOST_UNIT)
        return false;
    const int64_t fitting = ROW_TILE_BYTES / (row_bytes(first) * unit);
    tiling->rows = whole_units(forced_size(second->forced->row_tile, unit * (fitting > 1 ? fitting : 1)), unit);
    const int64_t row_tiles = divide_up(out, tiling->rows);
    if (row_tiles < 2 || !forced_decide(second->forced->fused, row_tiles >= LEAST_ROW_TILES) ||
        !goes_downwards(second, tiling->unit))
        return false;
    const int64_t wanted = threads == 1 ? 1 : divide_up((int64_t)threads * BANDS, first->window.batch);
    tiling->band =
        forced_size(second->forced->band, divide_up(row_tiles, between(1, wanted, row_tiles / 2))) * tiling->rows;
    tiling->bands = divide_up(out, tiling->band);
    return true;
}

/* The halo after each band but the last; false where one meets rows beyond the band or the first row tile after it. */
static bool list_halos(const struct blocked_state *second, struct row_tiling *tiling) {
    for (int64_t i = 0; i + 1 < tiling->bands; i++) {
        struct fused_halo *halo = &tiling->halo[i];
        const int64_t row = (i + 1) * tiling->band;
        halo->out.first = fused_rows_ready(second, i ? tiling->halo[i - 1].out.end : 0, tiling->unit, row);
        halo->out.end = ready_first(second, halo->out.first, tiling->unit, row);
        halo->met = fused_rows_met(second, halo->out.first, halo->out.end - halo->out.first);
        if (halo->met.first >= halo->met.end)
            halo->met = (struct row_range){row, row};
        if (halo->met.end > row + tiling->rows || halo->met.first < row - tiling->band)
            return false;
        tiling->halo_rows =
            halo->met.end - halo->met.first > tiling->halo_rows ? halo->met.end - halo->met.first : tiling->halo_rows;
    }
    return true;
}

int64_t fused_first_needed(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end) {
    return at_most(fused_rows_met(state, out, unit).first, end);
}

/* The most rows that a thread holds: a row tile, and those before it that are still needed. */
static void find_buffer_rows(const struct blocked_state *first, const struct blocked_state *second,
                             struct row_tiling *tiling) {
    const int64_t rows = first->window.axis[1].out;
    tiling->buffer_rows = tiling->rows;
    for (int64_t end = tiling->rows, out = 0; end < rows; end += tiling->rows) {
        out = fused_rows_ready(second, out, tiling->unit, end);
        const int64_t held = end - fused_first_needed(second, out, tiling->unit, end) + tiling->rows;
        tiling->buffer_rows = held > tiling->buffer_rows ? held : tiling->buffer_rows;
    }
}

static size_t float_lines(size_t bytes) {
    return (size_t)whole_units(divide_up((int64_t)bytes, (int64_t)sizeof(float)), CHANNEL_BLOCK);
}

/* Memory of the algorithms for any row tile: a whole one, or the last. */
static status algorithm_bytes(const struct op_call *call, const struct blocked_state *first,
                              const struct blocked_state *second, struct blocked_bytes *work, struct error *err) {
    const struct row_tiling *tiling = second->row_tiling;
    const int64_t rows = first->window.axis[1].out, last = (rows - 1) / tiling->rows * tiling->rows;
    struct blocked_phase *phases = calloc((size_t)first->phase_count, sizeof *phases);
    if (!phases)
        return fail_memory(err, "the phases of a convolution");
    *work = blocked_work_bytes(second, 1);
    for (int i = 0; i < 2; i++) {
        const struct row_range rows_of_tile = i ? (struct row_range){last, rows} : (struct row_range){0, tiling->rows};
        struct blocked_state part;
        fused_limit_rows(first, call->kernels, rows_of_tile, 0, &part, phases);
        blocked_add_bytes(work, blocked_work_bytes(&part, 1));
    }
    free(phases);
    return STATUS_OK;
}

static status find_memory(struct op_call *call, const struct blocked_state *first, const struct blocked_state *second,
                          size_t *workspace_bytes, struct error *err) {
    struct row_tiling *tiling = second->row_tiling;
    struct blocked_bytes work = {0};
    if (algorithm_bytes(call, first, second, &work, err) != STATUS_OK)
        return err->code;
    const size_t row = (size_t)fused_row_floats(first);
    tiling->bias = float_lines(first->bias_bytes + second->bias_bytes);
    tiling->halos = (size_t)(first->window.batch * (tiling->bands - 1) * tiling->halo_rows) * row;
    tiling->tables = float_lines((size_t)(first->phase_count + second->phase_count) * sizeof(struct blocked_phase));
    tiling->buffer = (size_t)tiling->buffer_rows * row;
    tiling->work = float_lines(work.shared);
    *workspace_bytes = (tiling->bias + tiling->halos) * sizeof(float);
    call->own_bytes = (tiling->tables + tiling->buffer + tiling->work) * sizeof(float) + work.scratch;
    return STATUS_OK;
}

static status stay_separate(const struct blocked_state *second, struct error *err) {
    return second->forced->fused == FORCED_YES ? fail(err, STATUS_UNSUPPORTED, "these two cannot run as one")
                                               : STATUS_OK;
}

status blocked_fuse(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err) {
    const struct blocked_state *a = first->state;
    struct blocked_state *b = second->state;
    struct row_tiling rows = {0};
    *workspace_bytes = 0;
    if (op_facts(second->op)->fuse != op_facts(first->op)->fuse)
        return STATUS_OK;
    if (!can_fuse(a, b) || !divide_rows(a, b, first->threads, &rows))
        return stay_separate(b, err);
    struct row_tiling *tiling = malloc(sizeof *tiling + (size_t)rows.bands * sizeof tiling->halo[0]);
    if (!tiling)
        return fail_memory(err, "the row tiles of a convolution");
    *tiling = rows;
    b->row_tiling = tiling;
    if (!list_halos(b, tiling))
        return stay_separate(b, err);
    find_buffer_rows(a, b, tiling);
    return find_memory(second, a, b, workspace_bytes, err);
}
