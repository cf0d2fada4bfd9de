#include "ops/pool/pool_run.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/pool/pool_loops.h"

/* Places in a thread's own memory, in bytes: the line with its pads, a row raised to a power, counts of the columns. */
struct own_places {
    size_t raised, counts, end;
};

static bool add_place(int64_t count, size_t size, size_t *end) {
    size_t bytes;
    return count < WINDOW_LIMIT * 64 && size_mul((size_t)count, size, &bytes) &&
           size_add(*end, whole_line_bytes(bytes), end);
}

/* Pixels of a line: as far as the windows reach. */
static int64_t line_pixels(const struct pool_axis *axis) {
    return (axis->out - 1) * axis->stride + (axis->kernel - 1) * axis->dilation + 1;
}

static bool place_own(const struct op_call *call, const struct pool_window *window, struct own_places *places) {
    const struct pool_axis *columns = &window->axis[SPATIAL - 1];
    const size_t size = dtype_size(call->inputs[0]->dtype);
    int64_t line, row;
    size_t end = 0;
    if (!int64_mul(line_pixels(columns), window->inner, &line) || !int64_mul(columns->in, window->inner, &row) ||
        !add_place(line + POOL_SLACK, size, &end))
        return false;
    places->raised = end;
    if (!add_place(row, size, &end))
        return false;
    places->counts = end;
    const bool fits = add_place(columns->out, size, &end);
    places->end = end;
    return fits;
}

bool pool_own_bytes(const struct op_call *call, const struct pool_window *window, size_t *bytes) {
    struct own_places places;
    if (!place_own(call, window, &places))
        return false;
    *bytes = places.end;
    return true;
}

struct pool_work {
    const struct op_call *call;
    const struct pool_window *window;
    const struct pool_kernel *kernel;
    const struct pool_loops *loops;
    enum pool_kind kind;
    size_t size; /* bytes of an element */
    struct own_places places;
};

static enum pool_kind kind_of(const struct op_call *call) {
    const struct pool_row *row = call->op->row;
    const double power = ((const struct pool_params *)call->params)->power;
    if (row->norm != POOL_LP)
        return row->norm == POOL_LARGEST ? POOL_MAX : POOL_SUM;
    return power == 1 ? POOL_ABSOLUTES : power == 2 ? POOL_SQUARES : POOL_SUM; /* of powers that raise() makes */
}

/* A row of the output: its picture, and its place along the first two axes. */
struct pool_place {
    int64_t outer, at[SPATIAL - 1];
};

static struct pool_place place_of(const struct pool_window *window, int64_t row) {
    const int64_t rows = window->axis[1].out, planes = window->axis[0].out;
    return (struct pool_place){row / rows / planes, {row / rows % planes, row % rows}};
}

static int64_t input_at(const struct pool_axis *axis, int64_t o, int64_t tap) {
    return o * axis->stride - axis->pad_begin + tap * axis->dilation;
}

/* One row of the input goes into the line. */
static void take_row(const struct pool_work *work, int64_t row, bool first, char *own, int64_t count) {
    const struct pool_axis *columns = &work->window->axis[SPATIAL - 1];
    const struct pool_row *definition = work->call->op->row;
    const double power = ((const struct pool_params *)work->call->params)->power;
    const size_t row_bytes = (size_t)(columns->in * work->window->inner) * work->size;
    const void *x = (const char *)work->call->inputs[0]->data + (size_t)row * row_bytes;
    char *line = own + (size_t)(columns->pad_begin * work->window->inner) * work->size;
    if (definition->norm == POOL_LP && power != 1 && power != 2) {
        work->loops->raise(power, x, count, own + work->places.raised);
        x = own + work->places.raised;
    }
    work->kernel->take(work->kind, first, x, count, line);
}

/* All rows of the window at this place, put together to a line. */
static void take_rows(const struct pool_work *work, const struct pool_place *place, char *own) {
    const struct pool_axis *axis = work->window->axis, *columns = &axis[SPATIAL - 1];
    const struct pool_taps planes = pool_taps_of(&axis[0], place->at[0]), rows = pool_taps_of(&axis[1], place->at[1]);
    const int64_t count = at_most(columns->in, line_pixels(columns) - columns->pad_begin) * work->window->inner;
    bool first = true;
    for (int64_t p = planes.first; p < planes.end; p++)
        for (int64_t r = rows.first; r < rows.end; r++) {
            const int64_t plane = place->outer * axis[0].in + input_at(&axis[0], place->at[0], p);
            take_row(work, plane * axis[1].in + input_at(&axis[1], place->at[1], r), first, own, count);
            first = false;
        }
    if (first)
        work->loops->fill(work->kind, count, own + (size_t)(columns->pad_begin * work->window->inner) * work->size);
}

static void finish_row(const struct pool_work *work, const struct pool_place *place, const char *own, void *y) {
    const struct pool_params *params = work->call->params;
    const struct pool_row *row = work->call->op->row;
    const struct pool_window *window = work->window;
    const int64_t out = window->axis[SPATIAL - 1].out;
    if (row->norm == POOL_AVERAGE) {
        const int64_t count = pool_count(&window->axis[0], place->at[0], params->include_pad) *
                              pool_count(&window->axis[1], place->at[1], params->include_pad);
        work->loops->divide(count, own + work->places.counts, out, window->inner, y);
    }
    if (row->norm == POOL_LP)
        work->loops->root(params->power, out * window->inner, y);
}

static void make_rows(struct team_thread self, void *context) {
    const struct pool_work *work = context;
    const struct pool_window *window = work->window;
    const struct pool_axis *columns = &window->axis[SPATIAL - 1];
    const struct pool_params *params = work->call->params;
    const struct team_range range = team_range_of(self, window->outer * window->axis[0].out * window->axis[1].out);
    char *own = work->call->own + (size_t)self.index * work->call->own_stride;
    const size_t out_bytes = (size_t)(columns->out * window->inner) * work->size;
    work->loops->fill(work->kind, line_pixels(columns) * window->inner + POOL_SLACK, own);
    for (int64_t o = 0; o < columns->out; o++)
        work->loops->set(own + work->places.counts, o, pool_count(columns, o, params->include_pad));
    for (int64_t row = range.first; row < range.end; row++) {
        const struct pool_place place = place_of(window, row);
        char *y = (char *)work->call->outputs[0]->data + (size_t)row * out_bytes;
        take_rows(work, &place, own);
        work->kernel->across(work->kind, &(struct pool_line){columns->out, window->inner, columns->kernel,
                                                             columns->stride, columns->dilation, own, y});
        finish_row(work, &place, own, y);
    }
}

#define THREAD_ELEMENTS 32768 /* of the input, that are worth a thread */

void pool_run(const struct op_call *call, const struct pool_window *window) {
    const enum dtype dtype = call->inputs[0]->dtype;
    struct pool_work work = {.call = call,
                             .window = window,
                             .kernel = pool_kernel_of(dtype, call->kernels),
                             .loops = pool_loops_of(dtype),
                             .kind = kind_of(call),
                             .size = dtype_size(dtype)};
    const int64_t rows = window->outer * window->axis[0].out * window->axis[1].out;
    const int64_t worth = at_most(rows, tensor_elements(call->inputs[0]) / THREAD_ELEMENTS + 1);
    place_own(call, window, &work.places);
    team_run((int)at_most(call->threads, worth), make_rows, &work);
}
