/* Running two convolutions as one: bands, then the halos between them. */
#include "ops/blocked/fused/fused.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/engine/blocked_phases.h"
#include "ops/blocked/fused/fused_plan.h"
#include "ops/core/work_queue.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

struct fused {
    const struct op_call *first, *second;
    const struct blocked_state *a, *b;
    const struct row_tiling *row_tiles;
    float *bias_a, *bias_b, *halos;
    struct work_queue queue;
    atomic_llong time_a; /* nanoseconds of the first convolution, of all threads together */
};

/* What a thread works with. */
struct worker {
    const struct fused *fused;
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

static struct worker worker_of(const struct fused *fused, struct team_thread self) {
    const struct row_tiling *s = fused->row_tiles;
    char *own = fused->second->own + (size_t)self.index * fused->second->own_stride;
    struct worker worker = {.fused = fused, .phases_a = (struct blocked_phase *)own};
    worker.phases_b = worker.phases_a + fused->a->phase_count;
    worker.buffer = (float *)own + s->tables;
    worker.work = worker.buffer + s->buffer;
    return worker;
}

/* Makes rows of the first convolution in the buffer. */
static void run_first(struct worker *worker, struct rows rows) {
    const struct fused *fused = worker->fused;
    const struct blocked_state *a = fused->a;
    const int64_t plane = blocked_plane(&a->window, false);
    const int64_t begin = now();
    struct blocked_state part;
    row_tiles_limit(a, fused->first->kernels, rows, worker->top, &part, worker->phases_a);
    const struct blocked_run run = {
        .state = &part,
        .kernels = fused->first->kernels,
        .x = (const float *)fused->first->inputs[0]->data +
             worker->image * channel_blocks(a->window.in_channels) * plane,
        .bias = fused->bias_a,
        .y = worker->buffer,
        .x_plane = plane,
        .y_plane = fused->row_tiles->held * row_tiles_block_row(a),
        .threads = 1,
        .workspace = worker->work,
        .own = (char *)(worker->work + fused->row_tiles->work),
    };
    blocked_run_phases(&run);
    worker->time_a += now() - begin;
}

/* Makes rows of the second convolution from rows of the first one, of which `held` begin with row `top`. */
static void run_second(const struct worker *worker, struct rows rows, const float *x, int64_t top, int64_t held) {
    const struct fused *fused = worker->fused;
    const struct blocked_state *b = fused->b;
    const struct window_axis *axis = b->window.axis;
    struct blocked_state part;
    if (rows.first >= rows.end)
        return;
    row_tiles_limit(b, fused->second->kernels, rows, 0, &part, worker->phases_b);
    const struct blocked_run run = {
        .state = &part,
        .kernels = fused->second->kernels,
        .x = x,
        .bias = fused->bias_b,
        .y = (float *)fused->second->outputs[0]->data +
             worker->image * b->window.out_channels * axis[1].out * axis[2].out,
        .x_plane = held * row_tiles_block_row(fused->a),
        .x_row = top,
        .threads = 1,
        .workspace = worker->work,
        .own = (char *)(worker->work + fused->row_tiles->work),
    };
    blocked_run_phases(&run);
}

/* Copies rows of the buffer to row `to` of a place with `held` rows; it may be the buffer itself. */
static void copy_rows(const struct worker *worker, struct rows rows, float *place, int64_t to, int64_t held) {
    const int64_t row = row_tiles_block_row(worker->fused->a), own = worker->fused->row_tiles->held;
    if (rows.first >= rows.end)
        return;
    for (int64_t block = 0; block < channel_blocks(worker->fused->a->window.out_channels); block++)
        memmove(place + (block * held + to) * row, worker->buffer + (block * own + rows.first - worker->top) * row,
                (size_t)((rows.end - rows.first) * row) * sizeof(float));
}

static float *halo_place(const struct fused *fused, int64_t image, int64_t number) {
    const struct row_tiling *s = fused->row_tiles;
    const int64_t row = row_tiles_row(fused->a);
    return fused->halos + (image * (s->bands - 1) + number) * s->halo_rows * row;
}

/* What a band has of the rows at a halo: those above row `at`, or those from there on. */
static void leave_rows(const struct worker *worker, int64_t number, int64_t at, bool above) {
    const struct row_tiling *s = worker->fused->row_tiles;
    const struct rows met = s->halo[number].met;
    const struct rows rows = above ? (struct rows){met.first, at} : (struct rows){at, met.end};
    copy_rows(worker, rows, halo_place(worker->fused, worker->image, number), rows.first - met.first, s->halo_rows);
}

static void run_band(struct worker *worker, int64_t number) {
    const struct fused *fused = worker->fused;
    const struct row_tiling *s = fused->row_tiles;
    const int64_t begin = number * s->band, end = at_most(begin + s->band, fused->a->window.axis[1].out);
    const bool last = number + 1 == s->bands;
    int64_t out = number ? s->halo[number - 1].out.end : 0;
    worker->top = begin;
    for (int64_t row = begin, next; row < end; row = next) {
        next = at_most(row + s->rows, end);
        run_first(worker, (struct rows){row, next});
        if (row == begin && number > 0)
            leave_rows(worker, number - 1, begin, false);
        const int64_t ready =
            last && next == end ? fused->b->window.axis[1].out : row_tiles_ready(fused->b, out, s->unit, next);
        run_second(worker, (struct rows){out, ready}, worker->buffer, worker->top, s->held);
        out = ready;
        if (next < end) {
            const int64_t top = row_tiles_needed(fused->b, out, s->unit, next);
            copy_rows(worker, (struct rows){top, next}, worker->buffer, 0, s->held);
            worker->top = top;
        }
    }
    if (!last)
        leave_rows(worker, number, end, true);
}

static void run_bands(struct team_thread self, void *context) {
    struct fused *fused = context;
    const int64_t bands = fused->row_tiles->bands, units = fused->a->window.batch * bands;
    struct worker worker = worker_of(fused, self);
    for (int64_t unit = 0; work_queue_take(&fused->queue, self, units, &unit);) {
        worker.image = unit / bands;
        run_band(&worker, unit % bands);
    }
    atomic_fetch_add(&fused->time_a, worker.time_a);
}

static void run_halos(struct team_thread self, void *context) {
    struct fused *fused = context;
    const struct row_tiling *s = fused->row_tiles;
    const int64_t halos = s->bands - 1, units = fused->a->window.batch * halos;
    struct worker worker = worker_of(fused, self);
    for (int64_t unit = 0; work_queue_take(&fused->queue, self, units, &unit);) {
        const struct halo *halo = &s->halo[unit % halos];
        worker.image = unit / halos;
        run_second(&worker, halo->out, halo_place(fused, worker.image, unit % halos), halo->met.first, s->halo_rows);
    }
}

static void run_units(struct fused *fused, int64_t units, team_body *body) {
    const int threads = fused->first->threads;
    work_queue_start(&fused->queue, threads);
    team_run(units > 1 ? threads : 1, body, fused);
}

void blocked_run_fused(struct op_call *first, struct op_call *second, double *share) {
    struct fused fused = {.first = first, .second = second, .a = first->state, .b = second->state};
    const struct tensor *bias_a = op_input(first, 2), *bias_b = op_input(second, 2);
    const int64_t begin = now();
    fused.row_tiles = fused.b->row_tiles;
    fused.bias_a = second->workspace;
    fused.bias_b = fused.bias_a + fused.a->bias_bytes / sizeof(float);
    fused.halos = fused.bias_a + fused.row_tiles->bias;
    *share = 0;
    if (second->outputs[0]->bytes == 0)
        return;
    blocked_spread_bias(fused.a, bias_a ? bias_a->data : NULL, fused.bias_a);
    blocked_spread_bias(fused.b, bias_b ? bias_b->data : NULL, fused.bias_b);
    run_units(&fused, fused.a->window.batch * fused.row_tiles->bands, run_bands);
    run_units(&fused, fused.a->window.batch * (fused.row_tiles->bands - 1), run_halos);
    const double time_a = (double)fused.time_a, all = (double)(now() - begin) * first->threads;
    *share = all > time_a ? time_a / all : 1;
}
