#include "ops/pool/pool_run.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/pool/pool_loops.h"

#include <string.h>

/* Places in a thread's own memory, in bytes: the line with its pads, a row raised to a power, what columns are
 * divided by and its inverses, the rows of a window. */
struct own_places {
    size_t raised, divisors, inverses, rows, end;
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
    places->divisors = end;
    if (!add_place(columns->out, size, &end))
        return false;
    places->inverses = end;
    if (!add_place(columns->out, size, &end))
        return false;
    places->rows = end;
    const int64_t planes = at_most(window->axis[0].kernel, window->axis[0].in);
    const bool fits = add_place(planes * at_most(window->axis[1].kernel, window->axis[1].in), sizeof(void *), &end);
    places->end = end;
    return fits;
}

#define NARROW_PIXELS 4096 /* of an input plane, at most: sixteen of them stay in a near cache */
#define NARROW_COLUMNS 64  /* of the output */

static int64_t pixels_of(const struct pool_window *window, bool output) {
    int64_t pixels = 1;
    for (int d = 0; d < SPATIAL; d++)
        pixels *= output ? window->axis[d].out : window->axis[d].in;
    return pixels;
}

/*
 * Rows of narrow planes are too short for vectors: sixteen planes at a time are brought into a channel block, and back.
 * The batch has no say, so that its rows have the bits that they have alone.
 */
static bool is_narrow(const struct op_call *call, const struct pool_window *window) {
    const struct tensor *x = call->inputs[0];
    const int64_t columns = window->axis[SPATIAL - 1].out, limit = NARROW_PIXELS;
    for (int d = 0; d < SPATIAL; d++)
        if (window->axis[d].in > limit || window->axis[d].out > limit)
            return false;
    return x->dtype == DTYPE_FLOAT && window->inner == 1 && x->shape.dims[1] >= CHANNEL_BLOCK &&
           window->outer == x->shape.dims[0] * x->shape.dims[1] && columns < NARROW_COLUMNS &&
           pixels_of(window, false) <= limit && pixels_of(window, true) <= limit;
}

/* The window as it is for a channel block. */
static struct pool_window blocked_window(const struct pool_window *window) {
    struct pool_window blocked = *window;
    blocked.inner = CHANNEL_BLOCK;
    blocked.outer = 1;
    return blocked;
}

/* Floats of sixteen planes of the input, and of the output twice: in a block, and as planes. */
static int64_t block_floats(const struct pool_window *window) {
    return (pixels_of(window, false) + 2 * pixels_of(window, true)) * CHANNEL_BLOCK;
}

bool pool_own_bytes(const struct op_call *call, const struct pool_window *window, size_t *bytes) {
    const struct pool_window blocked = blocked_window(window);
    const bool narrow = is_narrow(call, window);
    struct own_places places;
    if (!place_own(call, narrow ? &blocked : window, &places))
        return false;
    *bytes = places.end + (narrow ? (size_t)block_floats(window) * sizeof(float) : 0);
    return true;
}

struct pool_work {
    const struct op_call *call;
    const struct pool_window *window;
    const char *x; /* the input of window->outer pictures */
    const struct pool_kernel *kernel;
    const struct pool_loops *loops;
    enum pool_kind kind;
    size_t size;      /* bytes of an element */
    char nothing[16]; /* an element that counts as none */
    struct own_places places;
};

static enum pool_kind kind_of(const struct op_call *call) {
    const struct pool_row *row = call->op->row;
    const double power = ((const struct pool_params *)call->params)->power;
    if (row->norm != POOL_LP)
        return row->norm == POOL_LARGEST ? POOL_MAX : POOL_SUM;
    return power == 1 ? POOL_ABSOLUTES : power == 2 ? POOL_SQUARES : POOL_POWERS;
}

/* A row of the output: its picture, and its place along the first two axes. */
struct pool_place {
    int64_t outer, at[SPATIAL - 1];
};

static struct pool_place place_of(const struct pool_window *window, int64_t row) {
    const int64_t rows = window->axis[1].out, planes = window->axis[0].out;
    return (struct pool_place){row / rows / planes, {row / rows % planes, row % rows}};
}

static void next_place(const struct pool_window *window, struct pool_place *place) {
    if (++place->at[1] < window->axis[1].out)
        return;
    place->at[1] = 0;
    if (++place->at[0] < window->axis[0].out)
        return;
    place->at[0] = 0;
    place->outer++;
}

static int64_t input_at(const struct pool_axis *axis, int64_t o, int64_t tap) {
    return o * axis->stride - axis->pad_begin + tap * axis->dilation;
}

/* The rows of the input that the window meets; how many. */
static int64_t find_rows(const struct pool_work *work, const struct pool_place *place, const void **found) {
    const struct pool_axis *axis = work->window->axis;
    const struct pool_taps planes = pool_taps_of(&axis[0], place->at[0]), rows = pool_taps_of(&axis[1], place->at[1]);
    const size_t row_bytes = (size_t)(axis[SPATIAL - 1].in * work->window->inner) * work->size;
    int64_t count = 0;
    for (int64_t p = planes.first; p < planes.end; p++) {
        const int64_t plane = place->outer * axis[0].in + input_at(&axis[0], place->at[0], p);
        const int64_t first = plane * axis[1].in + input_at(&axis[1], place->at[1], 0);
        for (int64_t r = rows.first; r < rows.end; r++)
            found[count++] = work->x + (size_t)(first + r * axis[1].dilation) * row_bytes;
    }
    return count;
}

/* The sum of the rows raised to a power, one after the other. */
static void add_powers(const struct pool_work *work, const void *const *rows, int64_t row_count, int64_t count,
                       char *raised, char *line) {
    const double power = ((const struct pool_params *)work->call->params)->power;
    const void *const pair[] = {line, raised};
    for (int64_t r = 0; r < row_count; r++) {
        work->loops->raise(power, rows[r], count, raised);
        work->kernel->stack(POOL_SUM, &(struct pool_stack){r ? pair : pair + 1, r ? 2 : 1, count, work->nothing, line});
    }
}

/* All rows of the window at this place, put together to a line. */
static void stack_rows(const struct pool_work *work, const struct pool_place *place, char *own) {
    const struct pool_axis *columns = &work->window->axis[SPATIAL - 1];
    const int64_t inner = work->window->inner, pixels = at_most(columns->in, line_pixels(columns) - columns->pad_begin);
    const void **rows = (void *)(own + work->places.rows);
    const int64_t row_count = find_rows(work, place, rows);
    char *line = own + (size_t)(columns->pad_begin * inner) * work->size;
    if (row_count == 0)
        work->loops->fill(work->kind, pixels * inner, line);
    else if (work->kind == POOL_POWERS)
        add_powers(work, rows, row_count, pixels * inner, own + work->places.raised, line);
    else
        work->kernel->stack(work->kind, &(struct pool_stack){rows, row_count, pixels * inner, work->nothing, line});
}

/* How a line becomes a row of the output. */
static struct pool_line line_of(const struct pool_work *work, const struct pool_place *place, const char *own,
                                void *y) {
    const struct pool_params *params = work->call->params;
    const struct pool_row *row = work->call->op->row;
    const struct pool_window *window = work->window;
    const struct pool_axis *columns = &window->axis[SPATIAL - 1];
    struct pool_line line = {.out = columns->out,
                             .inner = window->inner,
                             .taps = columns->kernel,
                             .stride = columns->stride,
                             .dilation = columns->dilation,
                             .in = columns->in,
                             .pad = columns->pad_begin,
                             .x = own,
                             .y = y};
    if (row->norm == POOL_AVERAGE) {
        const int64_t count = pool_count(&window->axis[0], place->at[0], params->include_pad) *
                              pool_count(&window->axis[1], place->at[1], params->include_pad);
        line.divisors = own + work->places.divisors;
        line.inverses = own + work->places.inverses;
        line.rows = count ? (double)count : 1;
    }
    return line;
}

#define DIRECT_TAPS 12 /* of a window: with more of them, a line that was put together is read instead of all rows */

/* Pixels of channel blocks go without a line where windows are small. */
static bool is_direct(const struct pool_work *work) {
    const struct pool_axis *axis = work->window->axis;
    return work->kernel->pixels && work->window->inner == CHANNEL_BLOCK && work->kind != POOL_POWERS &&
           axis[0].kernel <= DIRECT_TAPS && axis[1].kernel <= DIRECT_TAPS && axis[2].kernel <= DIRECT_TAPS &&
           axis[0].kernel * axis[1].kernel * axis[2].kernel <= DIRECT_TAPS;
}

static void make_row(const struct pool_work *work, const struct pool_place *place, char *own, void *y) {
    const struct pool_row *row = work->call->op->row;
    const struct pool_line line = line_of(work, place, own, y);
    if (is_direct(work)) {
        const void **rows = (void *)(own + work->places.rows);
        work->kernel->pixels(work->kind,
                             &(struct pool_stack){rows, find_rows(work, place, rows), 0, work->nothing, NULL}, &line);
    } else {
        stack_rows(work, place, own);
        work->kernel->across(work->kind, &line);
    }
    if (row->norm == POOL_LP)
        work->loops->root(((const struct pool_params *)work->call->params)->power, line.out * line.inner, y);
}

/* The line as it begins, and what columns are divided by. */
static void start_own(const struct pool_work *work, char *own) {
    const struct pool_axis *columns = &work->window->axis[SPATIAL - 1];
    const struct pool_params *params = work->call->params;
    work->loops->fill(work->kind, line_pixels(columns) * work->window->inner + POOL_SLACK, own);
    for (int64_t o = 0; o < columns->out; o++)
        work->loops->set(own + work->places.divisors, own + work->places.inverses, o,
                         pool_count(columns, o, params->include_pad));
}

static char *own_of(const struct pool_work *work, struct team_thread self) {
    return work->call->own + (size_t)self.index * work->call->own_stride;
}

/* Rows first..end-1 of the output; y: the first of them. */
static void make_range(const struct pool_work *work, int64_t first, int64_t end, char *own, char *y) {
    const size_t out_bytes = (size_t)(work->window->axis[SPATIAL - 1].out * work->window->inner) * work->size;
    struct pool_place place = place_of(work->window, first);
    for (int64_t row = first; row < end; row++, next_place(work->window, &place), y += out_bytes)
        make_row(work, &place, own, y);
}

static void make_rows(struct team_thread self, void *context) {
    const struct pool_work *work = context;
    const struct pool_window *window = work->window;
    const struct pool_axis *columns = &window->axis[SPATIAL - 1];
    const struct team_range range = team_range_of(self, window->outer * window->axis[0].out * window->axis[1].out);
    char *own = own_of(work, self);
    start_own(work, own);
    make_range(work, range.first, range.end, own,
               (char *)work->call->outputs[0]->data +
                   (size_t)(range.first * columns->out * window->inner) * work->size);
}

/* Planes first .. of so many; the last sixteen are read where fewer are left, and those that are new are written. */
static void make_planes(const struct pool_work *work, int64_t planes, int64_t first, char *own) {
    const struct few_outputs_kernel *turns = work->call->kernels->few_outputs;
    const int64_t in = pixels_of(work->window, false), out = pixels_of(work->window, true);
    const int64_t begin = at_most(first, planes - CHANNEL_BLOCK);
    float *x = (float *)(void *)(own + work->places.end), *y = x + in * CHANNEL_BLOCK,
          *turned = y + out * CHANNEL_BLOCK;
    float *to = (float *)work->call->outputs[0]->data + first * out;
    struct pool_work block = *work;
    block.x = (const char *)x;
    turns->to_blocks((const float *)work->call->inputs[0]->data + begin * in, (size_t)in, in, x);
    make_range(&block, 0, work->window->axis[0].out * work->window->axis[1].out, own, (char *)y);
    turns->to_planes(y, out, begin == first ? to : turned, (size_t)out);
    if (begin < first)
        memcpy(to, turned + (first - begin) * out, (size_t)((planes - first) * out) * sizeof *to);
}

struct narrow_work {
    const struct pool_work *work;
    int64_t planes;
};

static void make_groups(struct team_thread self, void *context) {
    const struct narrow_work *narrow = context;
    const struct team_range range = team_range_of(self, divide_up(narrow->planes, CHANNEL_BLOCK));
    char *own = own_of(narrow->work, self);
    start_own(narrow->work, own);
    for (int64_t group = range.first; group < range.end; group++)
        make_planes(narrow->work, narrow->planes, group * CHANNEL_BLOCK, own);
}

#define THREAD_ELEMENTS 32768 /* of the input, that are worth a thread */

void pool_run(const struct op_call *call, const struct pool_window *window) {
    const enum dtype dtype = call->inputs[0]->dtype;
    const struct pool_window blocked = blocked_window(window);
    const bool narrow = is_narrow(call, window);
    struct pool_work work = {.call = call,
                             .window = narrow ? &blocked : window,
                             .x = call->inputs[0]->data,
                             .kernel = pool_kernel_for(dtype, call->kernels),
                             .loops = pool_loops_of(dtype),
                             .kind = kind_of(call),
                             .size = dtype_size(dtype)};
    struct narrow_work planes = {&work, window->outer};
    const int64_t units =
        narrow ? divide_up(window->outer, CHANNEL_BLOCK) : window->outer * window->axis[0].out * window->axis[1].out;
    const int64_t worth = at_most(units, tensor_elements(call->inputs[0]) / THREAD_ELEMENTS + 1);
    place_own(call, work.window, &work.places);
    work.loops->fill(work.kind, 1, work.nothing);
    team_run((int)at_most(call->threads, worth), narrow ? make_groups : make_rows,
             narrow ? (void *)&planes : (void *)&work);
}
