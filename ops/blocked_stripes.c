/*
 * Two convolutions as one: the first makes a stripe of rows, which stays in a large cache, and the second turns it into
 * its own rows before the next one takes its place. So an output of many megabytes never goes to memory.
 *
 * A thread goes down a band of stripes. What it needs again of a stripe moves to the top of its buffer. Rows of the
 * second convolution that meet two bands, a seam, wait until all bands are done: bands leave copies of the rows there.
 */
#include "ops/blocked.h"
#include "ops/deal.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#define STRIPE_BYTES ((int64_t)1 << 20) /* of a thread's buffer, about */
#define LEAST_BYTES ((int64_t)3 << 20)  /* of an image: less stays in a cache anyway */
#define LEAST_STRIPES 4
#define BANDS 4 /* for every thread, to balance with */
#define MOST_UNIT 64

/* Rows first..end - 1. */
struct rows {
    int64_t first, end;
};

/* Rows of the second convolution between two bands, and the rows that they meet. */
struct seam {
    struct rows out, met;
};

/* How the two run together; sizes of the workspace in floats. */
struct stripes {
    int64_t rows, band; /* of the first one's output: of a stripe, of a band */
    int64_t bands;      /* of an image */
    int64_t unit;       /* rows of the second one that belong together */
    int64_t held;       /* rows of a thread's buffer */
    int64_t seam_rows;
    size_t bias, seams, share; /* biases, copies of the rows at seams, a thread's part */
    size_t tables, buffer;     /* of a thread: phases of a stripe, rows; the rest is the algorithms' workspace */
    struct seam seam[];        /* behind each band but the last */
};

/* ---- which rows meet which ---- */

/* Rows of the input that a row of outputs meets; none: first >= end. */
static struct rows rows_met(const struct blocked_state *state, int64_t out) {
    struct rows met = {INT64_MAX, INT64_MIN};
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct lattice_axis *ay = &state->phases[i].lattice.axis[1];
        const int64_t point = (out - ay->out0) / ay->out_step;
        if (out < ay->out0 || (out - ay->out0) % ay->out_step != 0 || point >= ay->points)
            continue;
        for (int64_t tap = 0; tap < ay->taps; tap++) {
            const int64_t y = border_index(state->window.border, lattice_input(ay, point, tap), ay->in);
            if (y >= 0 && y < met.first)
                met.first = y;
            if (y >= met.end)
                met.end = y + 1;
        }
    }
    return met;
}

/* The same of the rows of a unit. */
static struct rows unit_met(const struct blocked_state *state, int64_t out, int64_t unit) {
    struct rows met = {INT64_MAX, INT64_MIN};
    for (int64_t row = out; row < out + unit && row < state->window.axis[1].out; row++) {
        const struct rows one = rows_met(state, row);
        met.first = one.first < met.first ? one.first : met.first;
        met.end = one.end > met.end ? one.end : met.end;
    }
    return met;
}

/* From `out` on, the first row that meets rows from `end` on. */
static int64_t ready_end(const struct blocked_state *state, int64_t out, int64_t unit, int64_t end) {
    const int64_t rows = state->window.axis[1].out;
    while (out < rows && unit_met(state, out, unit).end <= end)
        out += unit;
    return out < rows ? out : rows;
}

/* From `out` on, the first row that meets no rows before `first`. */
static int64_t ready_first(const struct blocked_state *state, int64_t out, int64_t unit, int64_t first) {
    const int64_t rows = state->window.axis[1].out;
    while (out < rows && unit_met(state, out, unit).first < first)
        out += unit;
    return out < rows ? out : rows;
}

/* Rows of outputs meet rows of inputs in order: what lies above is not needed again. */
static bool goes_down(const struct blocked_state *state, int64_t unit) {
    struct rows before = {INT64_MIN, INT64_MIN};
    for (int64_t out = 0; out < state->window.axis[1].out; out += unit) {
        const struct rows met = unit_met(state, out, unit);
        if (met.first >= met.end)
            continue;
        if (met.first < before.first || met.end < before.end)
            return false;
        before = met;
    }
    return true;
}

/* ---- rows of a convolution ---- */

/* Leaves some rows of the outputs, counted from row `top` on; returns how many points are left out before them. */
static int64_t narrow_axis(struct lattice_axis *axis, struct rows rows, int64_t top) {
    const int64_t first = rows.first > axis->out0 ? divide_up(rows.first - axis->out0, axis->out_step) : 0;
    const int64_t end = rows.end > axis->out0 ? divide_up(rows.end - axis->out0, axis->out_step) : 0;
    const int64_t last = at_most(end, axis->points);
    axis->points = last > first ? last - first : 0;
    axis->first += first * axis->step;
    axis->out0 += first * axis->out_step - top;
    return first;
}

static void narrow_filter(struct filter_lattice *filter, struct rows rows, int64_t top) {
    struct filter_axis *axis = &filter->axis[0];
    const int64_t first = narrow_axis(&filter->y, rows, top);
    axis->tiles = divide_up(filter->y.points, axis->outputs);
    for (int i = 0; i < filter->part_count; i++)
        filter->parts[i].first[0] += first / axis->outputs * axis->advance * axis->step;
}

/* Sets of points that have none in these rows are left out; a phase without any is one of direct sums without points.
 */
static void narrow_filters(const struct window *window, const struct kernels *kernels, struct rows rows, int64_t top,
                           struct blocked_phase *phase) {
    const int count = phase->filter_count;
    phase->filter_count = 0;
    for (int i = 0; i < count; i++) {
        struct filter_lattice filter = phase->filters[i];
        narrow_filter(&filter, rows, top);
        if (filter.y.points > 0)
            phase->filters[phase->filter_count++] = filter;
    }
    const struct filter_team team = {1, phase->filter_count, 1};
    for (int i = 0; i < phase->filter_count; i++)
        filter_shape(window, kernels->block->blocks, &team, &phase->filters[i]);
    if (phase->filter_count == 0)
        phase->algorithm = BLOCKED_DIRECT;
}

/* The phases for some rows of one image, written from row `top` of them on. */
static void narrow_phases(const struct blocked_state *full, const struct kernels *kernels, struct rows rows,
                          int64_t top, struct blocked_state *part, struct blocked_phase *phases) {
    *part = *full;
    part->phases = phases;
    part->window.batch = 1;
    for (int64_t i = 0; i < full->phase_count; i++) {
        struct blocked_phase *phase = &phases[i];
        *phase = full->phases[i];
        narrow_axis(&phase->lattice.axis[1], rows, top);
        lattice_close(&phase->lattice, phase->lattice.channels);
        if (phase->algorithm == BLOCKED_FILTER)
            narrow_filters(&part->window, kernels, rows, top, phase);
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
    for (int64_t i = 0; i < state->phase_count && unit <= MOST_UNIT; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        int64_t rows = phase->lattice.axis[1].out_step;
        if (phase->algorithm == BLOCKED_FILTER)
            rows = phase->filters[0].y.out_step * phase->filters[0].axis[0].outputs;
        else if (phase->algorithm == BLOCKED_NARROW)
            rows *= blocked_narrow_unit(phase);
        unit = multiple_of(unit, rows);
    }
    return unit;
}

/* Blocks of one image after the other, with constant weights; bits of weights in passing depend on the tiles. */
static bool is_plain(const struct blocked_state *state) {
    bool plain = state->from_blocks && !state->uncovered && state->window.group == 1 && state->packed_bytes == 0 &&
                 state->window.batch > 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        plain = plain && !(state->phases[i].algorithm == BLOCKED_FILTER && state->phases[i].filters[0].expands);
    return plain;
}

static int64_t output_row(const struct blocked_state *state) {
    return state->window.axis[2].out * CHANNEL_BLOCK;
}

static int64_t row_bytes(const struct blocked_state *state) {
    return channel_blocks(state->window.out_channels) * output_row(state) * (int64_t)sizeof(float);
}

static bool are_worth_it(const struct blocked_state *first, const struct blocked_state *second) {
    return is_plain(first) && is_plain(second) && first->to_blocks && !second->to_blocks &&
           row_bytes(first) * first->window.axis[1].out >= LEAST_BYTES;
}

/* Stripes and bands, without seams and sizes; false where the image is too small for them. */
static bool cut_rows(const struct blocked_state *first, const struct blocked_state *second, int threads,
                     struct stripes *s) {
    const int64_t unit = unit_of(first), out = first->window.axis[1].out;
    s->unit = unit_of(second);
    if (unit > MOST_UNIT || s->unit > MOST_UNIT)
        return false;
    const int64_t fitting = STRIPE_BYTES / (row_bytes(first) * unit);
    s->rows = unit * (fitting > 1 ? fitting : 1);
    const int64_t stripes = divide_up(out, s->rows);
    if (stripes < LEAST_STRIPES || !goes_down(second, s->unit))
        return false;
    const int64_t wanted = threads == 1 ? 1 : divide_up((int64_t)threads * BANDS, first->window.batch);
    s->band = divide_up(stripes, between(1, wanted, stripes / 2)) * s->rows;
    s->bands = divide_up(out, s->band);
    return true;
}

/* Between the bands that meet at a row; and the most rows that seams and buffers must hold. */
static bool list_seams(const struct blocked_state *second, struct stripes *s) {
    for (int64_t i = 0; i + 1 < s->bands; i++) {
        struct seam *seam = &s->seam[i];
        const int64_t row = (i + 1) * s->band;
        seam->out.first = ready_end(second, i ? s->seam[i - 1].out.end : 0, s->unit, row);
        seam->out.end = ready_first(second, seam->out.first, s->unit, row);
        seam->met = unit_met(second, seam->out.first, seam->out.end - seam->out.first);
        if (seam->met.first >= seam->met.end)
            seam->met = (struct rows){row, row};
        if (seam->met.end > row + s->rows || seam->met.first < row - s->band)
            return false;
        s->seam_rows = seam->met.end - seam->met.first > s->seam_rows ? seam->met.end - seam->met.first : s->seam_rows;
    }
    return true;
}

/* The first row that is still needed when all rows before `end` are there; the second one goes on at `out`. */
static int64_t needed_from(const struct blocked_state *second, const struct stripes *s, int64_t out, int64_t end) {
    const int64_t first = unit_met(second, out, s->unit).first;
    return first < end ? first : end;
}

static void find_held(const struct blocked_state *first, const struct blocked_state *second, struct stripes *s) {
    const int64_t rows = first->window.axis[1].out;
    s->held = s->rows;
    for (int64_t end = s->rows, out = 0; end < rows; end += s->rows) {
        out = ready_end(second, out, s->unit, end);
        const int64_t held = end - needed_from(second, s, out, end) + s->rows;
        s->held = held > s->held ? held : s->held;
    }
}

static size_t lines_of(size_t bytes) {
    return (bytes + 63) / 64 * 16;
}

/* Workspace of the algorithms for any stripe: of the whole ones, and of the last. */
static status find_work(const struct op_call *call, const struct blocked_state *first,
                        const struct blocked_state *second, size_t *work, struct error *err) {
    const struct stripes *s = second->stripes;
    const int64_t rows = first->window.axis[1].out, last = (rows - 1) / s->rows * s->rows;
    struct blocked_phase *phases = calloc((size_t)first->phase_count, sizeof *phases);
    if (!phases)
        return fail_memory(err, "the phases of a convolution");
    *work = blocked_work_bytes(second, 1);
    for (int i = 0; i < 2; i++) {
        const struct rows stripe = i ? (struct rows){last, rows} : (struct rows){0, s->rows};
        struct blocked_state part;
        narrow_phases(first, call->kernels, stripe, 0, &part, phases);
        const size_t bytes = blocked_work_bytes(&part, 1);
        *work = bytes > *work ? bytes : *work;
    }
    free(phases);
    return STATUS_OK;
}

static status find_sizes(const struct op_call *call, const struct blocked_state *first, struct blocked_state *second,
                         size_t *workspace_bytes, struct error *err) {
    struct stripes *s = second->stripes;
    size_t work = 0;
    if (find_work(call, first, second, &work, err) != STATUS_OK)
        return err->code;
    const size_t row = (size_t)(row_bytes(first) / (int64_t)sizeof(float));
    s->bias = lines_of(first->bias_bytes + second->bias_bytes);
    s->seams = (size_t)(first->window.batch * (s->bands - 1) * s->seam_rows) * row;
    s->tables = lines_of((size_t)(first->phase_count + second->phase_count) * sizeof(struct blocked_phase));
    s->buffer = (size_t)s->held * row;
    s->share = s->tables + s->buffer + lines_of(work);
    *workspace_bytes = (s->bias + s->seams + s->share * (size_t)call->threads) * sizeof(float);
    return STATUS_OK;
}

status blocked_join(struct op_call *first, struct op_call *second, size_t *workspace_bytes, struct error *err) {
    const struct blocked_state *a = first->state;
    struct blocked_state *b = second->state;
    struct stripes cut = {0};
    *workspace_bytes = 0;
    if (second->op->join != first->op->join || !are_worth_it(a, b) || !cut_rows(a, b, first->threads, &cut))
        return STATUS_OK;
    struct stripes *s = malloc(sizeof *s + (size_t)cut.bands * sizeof s->seam[0]);
    if (!s)
        return fail_memory(err, "the stripes of a convolution");
    *s = cut;
    b->stripes = s;
    if (!list_seams(b, s))
        return STATUS_OK;
    find_held(a, b, s);
    return find_sizes(first, a, b, workspace_bytes, err);
}

/* ---- a run ---- */

struct joined {
    const struct op_call *first, *second;
    const struct blocked_state *a, *b;
    const struct stripes *stripes;
    float *bias_a, *bias_b, *seams, *shares;
    double time_a; /* of all threads */
};

/* What a thread works with. */
struct hand {
    const struct joined *joined;
    struct blocked_phase *phases_a, *phases_b;
    float *buffer, *work;
    int64_t image, top; /* the row that the buffer begins with */
    double time_a;
};

static struct hand hand_of(const struct joined *joined) {
    const struct stripes *s = joined->stripes;
    float *share = joined->shares + (size_t)omp_get_thread_num() * s->share;
    struct hand hand = {.joined = joined, .phases_a = (struct blocked_phase *)share};
    hand.phases_b = hand.phases_a + joined->a->phase_count;
    hand.buffer = share + s->tables;
    hand.work = hand.buffer + s->buffer;
    return hand;
}

/* Makes rows of the first convolution in the buffer. */
static void run_first(struct hand *hand, struct rows rows) {
    const struct joined *joined = hand->joined;
    const struct blocked_state *a = joined->a;
    const int64_t plane = blocked_plane(&a->window, false);
    const double begin = omp_get_wtime();
    struct blocked_state part;
    narrow_phases(a, joined->first->kernels, rows, hand->top, &part, hand->phases_a);
    const struct blocked_run run = {
        .state = &part,
        .kernels = joined->first->kernels,
        .x =
            (const float *)joined->first->inputs[0]->data + hand->image * channel_blocks(a->window.in_channels) * plane,
        .bias = joined->bias_a,
        .y = hand->buffer,
        .x_plane = plane,
        .y_plane = joined->stripes->held * output_row(a),
        .threads = 1,
        .workspace = hand->work,
    };
    blocked_run_phases(&run);
    hand->time_a += omp_get_wtime() - begin;
}

/* Makes rows of the second convolution from rows of the first one, of which `held` begin with row `top`. */
static void run_second(const struct hand *hand, struct rows rows, const float *x, int64_t top, int64_t held) {
    const struct joined *joined = hand->joined;
    const struct blocked_state *b = joined->b;
    const struct window_axis *axis = b->window.axis;
    struct blocked_state part;
    if (rows.first >= rows.end)
        return;
    narrow_phases(b, joined->second->kernels, rows, 0, &part, hand->phases_b);
    const struct blocked_run run = {
        .state = &part,
        .kernels = joined->second->kernels,
        .x = x,
        .bias = joined->bias_b,
        .y = (float *)joined->second->outputs[0]->data +
             hand->image * b->window.out_channels * axis[1].out * axis[2].out,
        .x_plane = held * output_row(joined->a),
        .x_row = top,
        .threads = 1,
        .workspace = hand->work,
    };
    blocked_run_phases(&run);
}

/* Copies rows of the buffer to row `to` of a place with `held` rows; it may be the buffer itself. */
static void copy_rows(const struct hand *hand, struct rows rows, float *place, int64_t to, int64_t held) {
    const int64_t row = output_row(hand->joined->a), own = hand->joined->stripes->held;
    if (rows.first >= rows.end)
        return;
    for (int64_t block = 0; block < channel_blocks(hand->joined->a->window.out_channels); block++)
        memmove(place + (block * held + to) * row, hand->buffer + (block * own + rows.first - hand->top) * row,
                (size_t)((rows.end - rows.first) * row) * sizeof(float));
}

static float *seam_place(const struct joined *joined, int64_t image, int64_t number) {
    const struct stripes *s = joined->stripes;
    const int64_t row = row_bytes(joined->a) / (int64_t)sizeof(float);
    return joined->seams + (image * (s->bands - 1) + number) * s->seam_rows * row;
}

/* What a band has of the rows at a seam: those above row `at`, or those from there on. */
static void leave_rows(const struct hand *hand, int64_t number, int64_t at, bool above) {
    const struct stripes *s = hand->joined->stripes;
    const struct rows met = s->seam[number].met;
    const struct rows rows = above ? (struct rows){met.first, at} : (struct rows){at, met.end};
    copy_rows(hand, rows, seam_place(hand->joined, hand->image, number), rows.first - met.first, s->seam_rows);
}

static void run_band(struct hand *hand, int64_t number) {
    const struct joined *joined = hand->joined;
    const struct stripes *s = joined->stripes;
    const int64_t begin = number * s->band, end = at_most(begin + s->band, joined->a->window.axis[1].out);
    const bool last = number + 1 == s->bands;
    int64_t out = number ? s->seam[number - 1].out.end : 0;
    hand->top = begin;
    for (int64_t row = begin, next; row < end; row = next) {
        next = at_most(row + s->rows, end);
        run_first(hand, (struct rows){row, next});
        if (row == begin && number > 0)
            leave_rows(hand, number - 1, begin, false);
        const int64_t ready =
            last && next == end ? joined->b->window.axis[1].out : ready_end(joined->b, out, s->unit, next);
        run_second(hand, (struct rows){out, ready}, hand->buffer, hand->top, s->held);
        out = ready;
        if (next < end) {
            const int64_t top = needed_from(joined->b, s, out, next);
            copy_rows(hand, (struct rows){top, next}, hand->buffer, 0, s->held);
            hand->top = top;
        }
    }
    if (!last)
        leave_rows(hand, number, end, true);
}

static void run_bands(struct joined *joined) {
    const int64_t bands = joined->stripes->bands, units = joined->a->window.batch * bands;
    const int threads = joined->first->threads;
    double time_a = 0;
    struct deal deal;
    deal_begin(&deal, threads);
#pragma omp parallel num_threads(threads) if (threads > 1 && units > 1) reduction(+ : time_a)
    {
        struct hand hand = hand_of(joined);
        for (int64_t unit = 0; deal_take(&deal, units, &unit);) {
            hand.image = unit / bands;
            run_band(&hand, unit % bands);
        }
        time_a += hand.time_a;
    }
    joined->time_a = time_a;
}

static void run_seams(const struct joined *joined) {
    const struct stripes *s = joined->stripes;
    const int64_t seams = s->bands - 1, units = joined->a->window.batch * seams;
    const int threads = joined->first->threads;
    struct deal deal;
    deal_begin(&deal, threads);
#pragma omp parallel num_threads(threads) if (threads > 1 && units > 1)
    {
        struct hand hand = hand_of(joined);
        for (int64_t unit = 0; deal_take(&deal, units, &unit);) {
            const struct seam *seam = &s->seam[unit % seams];
            hand.image = unit / seams;
            run_second(&hand, seam->out, seam_place(joined, hand.image, unit % seams), seam->met.first, s->seam_rows);
        }
    }
}

void blocked_run_joined(struct op_call *first, struct op_call *second, double *share) {
    struct joined joined = {.first = first, .second = second, .a = first->state, .b = second->state};
    const struct tensor *bias_a = op_input(first, 2), *bias_b = op_input(second, 2);
    const double begin = omp_get_wtime();
    joined.stripes = joined.b->stripes;
    joined.bias_a = second->workspace;
    joined.bias_b = joined.bias_a + joined.a->bias_bytes / sizeof(float);
    joined.seams = joined.bias_a + joined.stripes->bias;
    joined.shares = joined.seams + joined.stripes->seams;
    *share = 0;
    if (second->outputs[0]->bytes == 0)
        return;
    blocked_spread_bias(joined.a, bias_a ? bias_a->data : NULL, joined.bias_a);
    blocked_spread_bias(joined.b, bias_b ? bias_b->data : NULL, joined.bias_b);
    run_bands(&joined);
    run_seams(&joined);
    const double all = (omp_get_wtime() - begin) * first->threads;
    *share = all > joined.time_a ? joined.time_a / all : 1;
}
