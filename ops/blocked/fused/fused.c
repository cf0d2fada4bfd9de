#include "ops/blocked/fused/fused.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/engine/blocked_phases.h"
#include "ops/blocked/fused/fused_plan.h"
#include "ops/core/work_queue.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

/* a: the first convolution, b: the second one. */
struct fused_run {
    const struct op_call *first, *second;
    const struct blocked_state *a, *b;
    const struct row_tiling *tiling;
    float *bias_a, *bias_b, *halos;
    struct work_queue queue;
    atomic_llong time_a; /* nanoseconds that all threads spent in the first convolution */
};

/* A thread, with its scratch. */
struct fused_worker {
    const struct fused_run *fused;
    struct blocked_phase *phases_a, *phases_b;
    float *buffer, *work;
    int64_t image, top; /* top: the row that the buffer begins with */
    int64_t time_a;
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct fused_worker worker_of(const struct fused_run *fused, struct team_thread self) {
    const struct row_tiling *tiling = fused->tiling;
    char *own = fused->second->own + (size_t)self.index * fused->second->own_stride;
    struct fused_worker worker = {.fused = fused, .phases_a = (struct blocked_phase *)own};
    worker.phases_b = worker.phases_a + fused->a->phase_count;
    worker.buffer = (float *)own + tiling->tables;
    worker.work = worker.buffer + tiling->buffer;
    return worker;
}

/* Computes rows of the first convolution into the buffer. */
static void run_first(struct fused_worker *worker, struct row_range rows) {
    const struct fused_run *fused = worker->fused;
    const struct blocked_state *a = fused->a;
    const struct tensor *scale = op_input(fused->first, 3);
    const int64_t plane = blocked_plane(&a->window, false);
    const int64_t begin = now();
    struct blocked_state part;
    fused_limit_rows(a, fused->first->kernels, rows, worker->top, &part, worker->phases_a);
    const struct blocked_run run = {
        .state = &part,
        .kernels = fused->first->kernels,
        .x = (const float *)fused->first->inputs[0]->data +
             worker->image * channel_blocks(a->window.in_channels) * plane,
        .bias = fused->bias_a,
        .y = worker->buffer,
        .x_plane = plane,
        .y_plane = fused->tiling->buffer_rows * fused_block_row_floats(a),
        .weights = fused->first->inputs[1]->data,
        .scale = scale ? scale->data : NULL,
        .threads = 1,
        .workspace = worker->work,
        .scratch = (char *)(worker->work + fused->tiling->work),
    };
    blocked_run_phases(&run);
    worker->time_a += now() - begin;
}

/* Computes rows of the second convolution from x, which holds so many rows of the first one from row `top` on. */
static void run_second(const struct fused_worker *worker, struct row_range rows, const float *x, int64_t top,
                       int64_t held_rows) {
    const struct fused_run *fused = worker->fused;
    const struct blocked_state *b = fused->b;
    const struct window_axis *axis = b->window.axis;
    struct blocked_state part;
    if (rows.first >= rows.end)
        return;
    fused_limit_rows(b, fused->second->kernels, rows, 0, &part, worker->phases_b);
    const struct blocked_run run = {
        .state = &part,
        .kernels = fused->second->kernels,
        .x = x,
        .bias = fused->bias_b,
        .y = (float *)fused->second->outputs[0]->data +
             worker->image * b->window.out_channels * axis[1].out * axis[2].out,
        .x_plane = held_rows * fused_block_row_floats(fused->a),
        .x_row = top,
        .threads = 1,
        .workspace = worker->work,
        .scratch = (char *)(worker->work + fused->tiling->work),
    };
    blocked_run_phases(&run);
}

/* Copies rows of the buffer to row `to` of a place that holds so many rows, which may be the buffer itself. */
static void copy_rows(const struct fused_worker *worker, struct row_range rows, float *place, int64_t to,
                      int64_t held_rows) {
    const int64_t row = fused_block_row_floats(worker->fused->a), buffer_rows = worker->fused->tiling->buffer_rows;
    if (rows.first >= rows.end)
        return;
    for (int64_t block = 0; block < channel_blocks(worker->fused->a->window.out_channels); block++)
        memmove(place + (block * held_rows + to) * row,
                worker->buffer + (block * buffer_rows + rows.first - worker->top) * row,
                (size_t)((rows.end - rows.first) * row) * sizeof(float));
}

static float *halo_place(const struct fused_run *fused, int64_t image, int64_t number) {
    const struct row_tiling *tiling = fused->tiling;
    const int64_t row = fused_row_floats(fused->a);
    return fused->halos + (image * (tiling->bands - 1) + number) * tiling->halo_rows * row;
}

/* Copies what the band has of the rows that a halo meets: those above row `at`, or those from there on. */
static void keep_rows(const struct fused_worker *worker, int64_t number, int64_t at, bool above) {
    const struct row_tiling *tiling = worker->fused->tiling;
    const struct row_range met = tiling->halo[number].met;
    const struct row_range rows = above ? (struct row_range){met.first, at} : (struct row_range){at, met.end};
    copy_rows(worker, rows, halo_place(worker->fused, worker->image, number), rows.first - met.first,
              tiling->halo_rows);
}

/* Rows that meet the band before, or the one after, are left to the halos. */
static void run_band(struct fused_worker *worker, int64_t number) {
    const struct fused_run *fused = worker->fused;
    const struct row_tiling *tiling = fused->tiling;
    const int64_t begin = number * tiling->band, end = at_most(begin + tiling->band, fused->a->window.axis[1].out);
    const bool last = number + 1 == tiling->bands;
    int64_t out = number ? tiling->halo[number - 1].out.end : 0;
    worker->top = begin;
    for (int64_t row = begin, next; row < end; row = next) {
        next = at_most(row + tiling->rows, end);
        run_first(worker, (struct row_range){row, next});
        if (row == begin && number > 0)
            keep_rows(worker, number - 1, begin, false);
        const int64_t ready =
            last && next == end ? fused->b->window.axis[1].out : fused_rows_ready(fused->b, out, tiling->unit, next);
        run_second(worker, (struct row_range){out, ready}, worker->buffer, worker->top, tiling->buffer_rows);
        out = ready;
        if (next < end) {
            const int64_t top = fused_first_needed(fused->b, out, tiling->unit, next);
            copy_rows(worker, (struct row_range){top, next}, worker->buffer, 0, tiling->buffer_rows);
            worker->top = top;
        }
    }
    if (!last)
        keep_rows(worker, number, end, true);
}

static void run_bands(struct team_thread self, void *context) {
    struct fused_run *fused = context;
    const int64_t bands = fused->tiling->bands, units = fused->a->window.batch * bands;
    struct fused_worker worker = worker_of(fused, self);
    for (int64_t unit = 0; work_queue_take(&fused->queue, self, units, &unit);) {
        worker.image = unit / bands;
        run_band(&worker, unit % bands);
    }
    atomic_fetch_add(&fused->time_a, worker.time_a);
}

static void run_halos(struct team_thread self, void *context) {
    struct fused_run *fused = context;
    const struct row_tiling *tiling = fused->tiling;
    const int64_t halos = tiling->bands - 1, units = fused->a->window.batch * halos;
    struct fused_worker worker = worker_of(fused, self);
    for (int64_t unit = 0; work_queue_take(&fused->queue, self, units, &unit);) {
        const struct fused_halo *halo = &tiling->halo[unit % halos];
        worker.image = unit / halos;
        run_second(&worker, halo->out, halo_place(fused, worker.image, unit % halos), halo->met.first,
                   tiling->halo_rows);
    }
}

static void run_units(struct fused_run *fused, int64_t units, team_body *body) {
    const int threads = fused->first->threads;
    work_queue_start(&fused->queue, threads);
    team_run(units > 1 ? threads : 1, body, fused);
}

void blocked_run_fused(struct op_call *first, struct op_call *second, double *first_fraction) {
    struct fused_run fused = {.first = first, .second = second, .a = first->state, .b = second->state};
    const struct tensor *bias_a = op_input(first, 2), *bias_b = op_input(second, 2);
    const int64_t begin = now();
    fused.tiling = fused.b->row_tiling;
    fused.bias_a = second->workspace;
    fused.bias_b = fused.bias_a + fused.a->bias_bytes / sizeof(float);
    fused.halos = fused.bias_a + fused.tiling->bias;
    *first_fraction = 0;
    if (second->outputs[0]->bytes == 0)
        return;
    blocked_spread_bias(fused.a, bias_a ? bias_a->data : NULL, fused.bias_a);
    blocked_spread_bias(fused.b, bias_b ? bias_b->data : NULL, fused.bias_b);
    run_units(&fused, fused.a->window.batch * fused.tiling->bands, run_bands);
    run_units(&fused, fused.a->window.batch * (fused.tiling->bands - 1), run_halos);
    const double time_a = (double)fused.time_a, all = (double)(now() - begin) * first->threads;
    *first_fraction = all > time_a ? time_a / all : 1;
}
