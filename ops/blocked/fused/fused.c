/* Running two convolutions as one: bands, then the seams between them. */
#include "ops/blocked/fused/fused.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/engine/blocked_phases.h"
#include "ops/blocked/fused/fused_plan.h"
#include "ops/core/work_queue.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

struct joined {
    const struct op_call *first, *second;
    const struct blocked_state *a, *b;
    const struct stripes *stripes;
    float *bias_a, *bias_b, *seams;
    struct work_queue queue;
    atomic_llong time_a; /* nanoseconds of the first convolution, of all threads together */
};

/* What a thread works with. */
struct worker {
    const struct joined *joined;
    struct blocked_phase *phases_a, *phases_b;
    float *buffer, *work;
    int64_t image, top; /* the row that the buffer begins with */
    int64_t time_a;
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct worker worker_of(const struct joined *joined, struct team_thread self) {
    const struct stripes *s = joined->stripes;
    char *own = joined->second->own + (size_t)self.index * joined->second->own_stride;
    struct worker worker = {.joined = joined, .phases_a = (struct blocked_phase *)own};
    worker.phases_b = worker.phases_a + joined->a->phase_count;
    worker.buffer = (float *)own + s->tables;
    worker.work = worker.buffer + s->buffer;
    return worker;
}

/* Makes rows of the first convolution in the buffer. */
static void run_first(struct worker *worker, struct rows rows) {
    const struct joined *joined = worker->joined;
    const struct blocked_state *a = joined->a;
    const int64_t plane = blocked_plane(&a->window, false);
    const int64_t begin = now();
    struct blocked_state part;
    stripes_narrow(a, joined->first->kernels, rows, worker->top, &part, worker->phases_a);
    const struct blocked_run run = {
        .state = &part,
        .kernels = joined->first->kernels,
        .x = (const float *)joined->first->inputs[0]->data +
             worker->image * channel_blocks(a->window.in_channels) * plane,
        .bias = joined->bias_a,
        .y = worker->buffer,
        .x_plane = plane,
        .y_plane = joined->stripes->held * stripes_block_row(a),
        .threads = 1,
        .workspace = worker->work,
        .own = (char *)(worker->work + joined->stripes->work),
    };
    blocked_run_phases(&run);
    worker->time_a += now() - begin;
}

/* Makes rows of the second convolution from rows of the first one, of which `held` begin with row `top`. */
static void run_second(const struct worker *worker, struct rows rows, const float *x, int64_t top, int64_t held) {
    const struct joined *joined = worker->joined;
    const struct blocked_state *b = joined->b;
    const struct window_axis *axis = b->window.axis;
    struct blocked_state part;
    if (rows.first >= rows.end)
        return;
    stripes_narrow(b, joined->second->kernels, rows, 0, &part, worker->phases_b);
    const struct blocked_run run = {
        .state = &part,
        .kernels = joined->second->kernels,
        .x = x,
        .bias = joined->bias_b,
        .y = (float *)joined->second->outputs[0]->data +
             worker->image * b->window.out_channels * axis[1].out * axis[2].out,
        .x_plane = held * stripes_block_row(joined->a),
        .x_row = top,
        .threads = 1,
        .workspace = worker->work,
        .own = (char *)(worker->work + joined->stripes->work),
    };
    blocked_run_phases(&run);
}

/* Copies rows of the buffer to row `to` of a place with `held` rows; it may be the buffer itself. */
static void copy_rows(const struct worker *worker, struct rows rows, float *place, int64_t to, int64_t held) {
    const int64_t row = stripes_block_row(worker->joined->a), own = worker->joined->stripes->held;
    if (rows.first >= rows.end)
        return;
    for (int64_t block = 0; block < channel_blocks(worker->joined->a->window.out_channels); block++)
        memmove(place + (block * held + to) * row, worker->buffer + (block * own + rows.first - worker->top) * row,
                (size_t)((rows.end - rows.first) * row) * sizeof(float));
}

static float *seam_place(const struct joined *joined, int64_t image, int64_t number) {
    const struct stripes *s = joined->stripes;
    const int64_t row = stripes_row(joined->a);
    return joined->seams + (image * (s->bands - 1) + number) * s->seam_rows * row;
}

/* What a band has of the rows at a seam: those above row `at`, or those from there on. */
static void leave_rows(const struct worker *worker, int64_t number, int64_t at, bool above) {
    const struct stripes *s = worker->joined->stripes;
    const struct rows met = s->seam[number].met;
    const struct rows rows = above ? (struct rows){met.first, at} : (struct rows){at, met.end};
    copy_rows(worker, rows, seam_place(worker->joined, worker->image, number), rows.first - met.first, s->seam_rows);
}

static void run_band(struct worker *worker, int64_t number) {
    const struct joined *joined = worker->joined;
    const struct stripes *s = joined->stripes;
    const int64_t begin = number * s->band, end = at_most(begin + s->band, joined->a->window.axis[1].out);
    const bool last = number + 1 == s->bands;
    int64_t out = number ? s->seam[number - 1].out.end : 0;
    worker->top = begin;
    for (int64_t row = begin, next; row < end; row = next) {
        next = at_most(row + s->rows, end);
        run_first(worker, (struct rows){row, next});
        if (row == begin && number > 0)
            leave_rows(worker, number - 1, begin, false);
        const int64_t ready =
            last && next == end ? joined->b->window.axis[1].out : stripes_ready(joined->b, out, s->unit, next);
        run_second(worker, (struct rows){out, ready}, worker->buffer, worker->top, s->held);
        out = ready;
        if (next < end) {
            const int64_t top = stripes_needed(joined->b, out, s->unit, next);
            copy_rows(worker, (struct rows){top, next}, worker->buffer, 0, s->held);
            worker->top = top;
        }
    }
    if (!last)
        leave_rows(worker, number, end, true);
}

static void run_bands(struct team_thread self, void *context) {
    struct joined *joined = context;
    const int64_t bands = joined->stripes->bands, units = joined->a->window.batch * bands;
    struct worker worker = worker_of(joined, self);
    for (int64_t unit = 0; work_queue_take(&joined->queue, self, units, &unit);) {
        worker.image = unit / bands;
        run_band(&worker, unit % bands);
    }
    atomic_fetch_add(&joined->time_a, worker.time_a);
}

static void run_seams(struct team_thread self, void *context) {
    struct joined *joined = context;
    const struct stripes *s = joined->stripes;
    const int64_t seams = s->bands - 1, units = joined->a->window.batch * seams;
    struct worker worker = worker_of(joined, self);
    for (int64_t unit = 0; work_queue_take(&joined->queue, self, units, &unit);) {
        const struct seam *seam = &s->seam[unit % seams];
        worker.image = unit / seams;
        run_second(&worker, seam->out, seam_place(joined, worker.image, unit % seams), seam->met.first, s->seam_rows);
    }
}

static void run_units(struct joined *joined, int64_t units, team_body *body) {
    const int threads = joined->first->threads;
    work_queue_start(&joined->queue, threads);
    team_run(units > 1 ? threads : 1, body, joined);
}

void blocked_run_joined(struct op_call *first, struct op_call *second, double *share) {
    struct joined joined = {.first = first, .second = second, .a = first->state, .b = second->state};
    const struct tensor *bias_a = op_input(first, 2), *bias_b = op_input(second, 2);
    const int64_t begin = now();
    joined.stripes = joined.b->stripes;
    joined.bias_a = second->workspace;
    joined.bias_b = joined.bias_a + joined.a->bias_bytes / sizeof(float);
    joined.seams = joined.bias_a + joined.stripes->bias;
    *share = 0;
    if (second->outputs[0]->bytes == 0)
        return;
    blocked_spread_bias(joined.a, bias_a ? bias_a->data : NULL, joined.bias_a);
    blocked_spread_bias(joined.b, bias_b ? bias_b->data : NULL, joined.bias_b);
    run_units(&joined, joined.a->window.batch * joined.stripes->bands, run_bands);
    run_units(&joined, joined.a->window.batch * (joined.stripes->bands - 1), run_seams);
    const double time_a = (double)joined.time_a, all = (double)(now() - begin) * first->threads;
    *share = all > time_a ? time_a / all : 1;
}
