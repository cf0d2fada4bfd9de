#include "ops/resize/resize_filter.h"

#include "base/checked.h"
#include "base/sizes.h"
#include "base/thread_team.h"
#include "ops/core/parallel.h"
#include "ops/core/work_queue.h"
#include "ops/kernels/resize.h"
#include "ops/resize/resize_numbers.h"

#include <string.h>

#define PIECE 2048 /* numbers of a row that are computed at once, where columns do not change */

/* ---- stages ---- */

static int64_t size_between(const struct resize_axis *axes, int from, int to, bool out) {
    int64_t size = 1;
    for (int d = from; d < to; d++)
        size *= out ? axes[d].out : axes[d].in;
    return size;
}

/* The stage that ends with axis d; axes behind it have their new sizes already. */
static struct resize_stage stage_of(const struct resize_params *params, const struct resize_axis *axes, int rank, int d,
                                    bool both) {
    const int rows = both ? d - 1 : d;
    struct resize_stage stage = {.outer = size_between(axes, 0, rows, false),
                                 .inner = size_between(axes, d + 1, rank, true)};
    stage.rows.in = axes[rows].in, stage.rows.out = axes[rows].out;
    stage.rows.taps = resize_tap_count(params, &axes[rows]), stage.rows.axis = rows;
    stage.columns.in = stage.columns.out = stage.columns.taps = 1, stage.columns.axis = -1;
    if (both || stage.inner == 1) {
        stage.columns.in = axes[d].in, stage.columns.out = axes[d].out;
        stage.columns.taps = resize_tap_count(params, &axes[d]), stage.columns.axis = d;
    }
    if (!both && stage.inner == 1) { /* all rows there are */
        stage.rows.in = stage.rows.out = stage.outer;
        stage.outer = stage.rows.taps = 1, stage.rows.axis = -1;
    }
    return stage;
}

void resize_stages(const struct resize_params *params, const struct resize_axis *axes, int rank,
                   struct resize_stage stages[MAX_RANK], int *count) {
    *count = 0;
    for (int d = rank - 1; d >= 0; d--) {
        if (!axes[d].changes)
            continue;
        const bool both = d > 0 && axes[d - 1].changes;
        stages[(*count)++] = stage_of(params, axes, rank, d, both);
        d -= both;
    }
}

/* ---- memory ---- */

/* What a thread has for itself: rows that are ready, whose row each is, and what is being converted. */
struct own_places {
    size_t tags, pointers, weights, loaded, stored, end;
};

static bool add_place(size_t count, size_t size, size_t *end) {
    size_t bytes;
    return size_mul(count, size, &bytes) && bytes < SIZE_MAX / 2 && size_add(*end, whole_line_bytes(bytes), end);
}

/* Numbers of an output's row that are computed at once. */
static int64_t piece_of(const struct resize_stage *stage) {
    const int64_t row = stage->columns.out * stage->inner;
    return stage->columns.axis < 0 ? at_most(row, PIECE) : row;
}

static bool place_own(const struct resize_stage *stage, const struct resize_numbers *numbers,
                      struct own_places *places) {
    const size_t taps = (size_t)stage->rows.taps, size = numbers->size;
    const size_t out = (size_t)piece_of(stage);
    const size_t in = (size_t)(stage->columns.axis < 0 ? piece_of(stage) : stage->columns.in * stage->inner);
    size_t numbers_kept, end = 0;
    if (!size_mul(taps, out, &numbers_kept) || !add_place(numbers_kept, size, &end))
        return false;
    places->tags = end;
    if (!add_place(taps, sizeof(int64_t), &end))
        return false;
    places->pointers = end;
    if (!add_place(taps, sizeof(void *), &end))
        return false;
    places->weights = end;
    if (!add_place(taps, size, &end))
        return false;
    places->loaded = end;
    if (!add_place(in, size, &end))
        return false;
    places->stored = end;
    const bool fits = add_place(out, size, &end);
    places->end = end;
    return fits;
}

/* Numbers between two stages. */
static bool passed_bytes(const struct resize_stage *stage, size_t size, size_t *bytes) {
    size_t rows, row;
    return size_mul((size_t)stage->outer, (size_t)stage->rows.out, &rows) &&
           size_mul((size_t)stage->columns.out * size, (size_t)stage->inner, &row) && size_mul(rows, row, bytes) &&
           *bytes < SIZE_MAX / 4;
}

bool resize_filter_bytes(const struct resize_stage *stages, int count, enum dtype dtype, size_t *shared, size_t *own) {
    const struct resize_numbers *numbers = resize_numbers_of(dtype);
    *shared = *own = 0;
    for (int i = 0; i < count; i++) {
        struct own_places places;
        size_t bytes;
        if (!place_own(&stages[i], numbers, &places))
            return false;
        *own = places.end > *own ? places.end : *own;
        if (i + 1 == count)
            break;
        if (!passed_bytes(&stages[i], numbers->size, &bytes) || !size_add(*shared, whole_line_bytes(bytes), shared))
            return false;
    }
    return true;
}

/* ---- running a stage ---- */

struct filter_work {
    const struct op_call *call;
    const struct resize_stage *stage;
    const struct resize_taps *rows, *columns; /* NULL: does not change */
    const struct resize_numbers *numbers;
    const struct resize_kernel *loops;
    bool loads, stores; /* the input and the output are of the node's type, which is another than the one computed in */
    size_t in_size, out_size;
    const char *in;
    char *out;
    int64_t piece, pieces, band, bands; /* of an output's row; rows of an output that are computed by one thread */
    struct own_places places;
    struct work_queue queue;
};

/* Where a thread is. */
struct filter_place {
    const struct filter_work *work;
    char *own;
    int64_t outer, from, count; /* numbers of a row: from, and how many */
};

/* Numbers of an input's row, and of an output's. */
static int64_t row_in(const struct filter_work *work) {
    return work->stage->columns.in * work->stage->inner;
}
static int64_t row_out(const struct filter_work *work) {
    return work->stage->columns.out * work->stage->inner;
}

/* Row r of the input, as numbers to compute with. */
static const void *load_row(const struct filter_place *place, int64_t r, void *to) {
    const struct filter_work *work = place->work;
    const char *from =
        work->in + (size_t)((place->outer * work->stage->rows.in + r) * row_in(work) + place->from) * work->in_size;
    if (!work->loads)
        return from;
    work->numbers->load(from, to, work->columns ? row_in(work) : place->count);
    return to;
}

static void resize_row(const struct filter_work *work, const void *in, void *out) {
    const struct resize_taps *taps = work->columns;
    work->loops->line(&(struct resize_line){taps->in, taps->out, work->stage->inner, taps->taps, taps->first,
                                            taps->windows, taps->weights, in, out});
}

/* Row r with its columns resized: one of the last `taps` rows is still there. */
static const void *ready_row(const struct filter_place *place, int64_t r) {
    const struct filter_work *work = place->work;
    int64_t *tags = (void *)(place->own + work->places.tags);
    const int64_t slot = r % work->stage->rows.taps;
    char *kept = place->own + (size_t)(slot * work->piece) * work->numbers->size;
    if (!work->columns && !work->loads)
        return load_row(place, r, NULL);
    if (tags[slot] == r)
        return kept;
    tags[slot] = r;
    if (!work->columns)
        return load_row(place, r, kept);
    resize_row(work, load_row(place, r, place->own + work->places.loaded), kept);
    return kept;
}

/* Row o of the output into `to`. */
static void make_row(const struct filter_place *place, int64_t o, void *to) {
    const struct filter_work *work = place->work;
    const struct resize_taps *taps = work->rows;
    const size_t size = work->numbers->size;
    const void **pointers = (void *)(place->own + work->places.pointers);
    char *weights = place->own + work->places.weights;
    if (!taps) {
        resize_row(work, load_row(place, o, place->own + work->places.loaded), to);
        return;
    }
    for (int t = 0; t < taps->taps; t++) {
        pointers[t] = ready_row(place, taps->first[o] + t);
        memcpy(weights + (size_t)t * size, (const char *)taps->weights + (size_t)(t * taps->out + o) * size, size);
    }
    work->loops->blend(&(struct resize_blend){taps->taps, place->count, pointers, weights, to});
}

/* A unit: some rows of an output, or a piece of them. */
static void make_unit(const struct filter_work *work, int64_t unit, char *own) {
    const int64_t piece = unit % work->pieces, band = unit / work->pieces % work->bands;
    struct filter_place place = {work, own, unit / work->pieces / work->bands, piece * work->piece, 0};
    place.count = at_most(row_out(work) - place.from, work->piece);
    int64_t *tags = (void *)(own + work->places.tags);
    for (int64_t t = 0; t < work->stage->rows.taps; t++)
        tags[t] = -1;
    const int64_t end = at_most((band + 1) * work->band, work->stage->rows.out);
    for (int64_t o = band * work->band; o < end; o++) {
        char *to = work->out +
                   (size_t)((place.outer * work->stage->rows.out + o) * row_out(work) + place.from) * work->out_size;
        make_row(&place, o, work->stores ? own + work->places.stored : to);
        if (work->stores)
            work->numbers->store(own + work->places.stored, to, place.count);
    }
}

static void make_units(struct team_thread self, void *context) {
    struct filter_work *work = context;
    const int64_t units = work->stage->outer * work->bands * work->pieces;
    int64_t unit;
    while (work_queue_take(&work->queue, self, units, &unit))
        make_unit(work, unit, work->call->own + (size_t)self.index * work->call->own_stride);
}

/* Bands of rows that are worth a thread's while; what their borders share is computed twice. */
static void cut_work(struct filter_work *work) {
    const struct resize_stage *stage = work->stage;
    work->piece = piece_of(stage);
    work->pieces = divide_up(row_out(work), work->piece);
    const int64_t most = 1 + 2 * PARALLEL_ELEMENTS / work->piece + 4 * stage->rows.taps;
    work->band = even_block(stage->rows.out, most, 1);
    work->bands = divide_up(stage->rows.out, work->band);
}

void resize_filter(const struct op_call *call, const struct resize_stage *stages, int count,
                   const struct resize_taps *const *taps, char *shared) {
    const enum dtype dtype = call->inputs[0]->dtype;
    const struct resize_numbers *numbers = resize_numbers_of(dtype);
    const char *in = call->inputs[0]->data;
    for (int i = 0; i < count; i++) {
        const struct resize_stage *stage = &stages[i];
        const bool first = i == 0, last = i + 1 == count;
        size_t bytes = 0;
        struct filter_work work = {.call = call,
                                   .stage = stage,
                                   .rows = stage->rows.axis < 0 ? NULL : taps[stage->rows.axis],
                                   .columns = stage->columns.axis < 0 ? NULL : taps[stage->columns.axis],
                                   .numbers = numbers,
                                   .loops = resize_loops(call->kernels, numbers),
                                   .loads = first && !numbers->same,
                                   .stores = last && !numbers->same,
                                   .in_size = first ? dtype_size(dtype) : numbers->size,
                                   .out_size = last ? dtype_size(dtype) : numbers->size,
                                   .in = in,
                                   .out = last ? (char *)call->outputs[0]->data : shared};
        place_own(stage, numbers, &work.places);
        cut_work(&work);
        const int64_t units = stage->outer * work.bands * work.pieces;
        const int threads = (int)at_most(call->threads, units);
        work_queue_start(&work.queue, threads);
        team_run(threads, make_units, &work);
        passed_bytes(stage, numbers->size, &bytes);
        in = shared;
        shared += whole_line_bytes(bytes);
    }
}
