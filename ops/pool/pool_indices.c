#include "ops/pool/pool_indices.h"

#include "base/sizes.h"
#include "ops/core/parallel.h"

struct indices_work {
    const struct op_call *call;
    const struct pool_window *window;
    int64_t plane, out_plane;
    bool column_major;
};

/* Where the windows of one output stand. */
struct indices_place {
    int64_t outer, at[SPATIAL], start[SPATIAL];
    struct pool_taps taps[SPATIAL];
};

static void find_place(const struct indices_work *work, int64_t o, struct indices_place *place) {
    place->outer = o / work->out_plane;
    o %= work->out_plane;
    for (int d = SPATIAL - 1; d >= 0; d--) {
        const struct pool_axis *axis = &work->window->axis[d];
        place->at[d] = o % axis->out;
        o /= axis->out;
        place->start[d] = place->at[d] * axis->stride - axis->pad_begin;
        place->taps[d] = pool_taps_of(axis, place->at[d]);
    }
}

/* The number of an input within its picture, by rows or by columns. */
static int64_t number_of(const struct indices_work *work, const int64_t at[SPATIAL]) {
    const struct pool_axis *axis = work->window->axis;
    const int first = SPATIAL - work->window->spatial;
    int64_t number = 0;
    if (!work->column_major)
        return (at[0] * axis[1].in + at[1]) * axis[2].in + at[2];
    for (int d = SPATIAL - 1; d >= first; d--)
        number = number * axis[d].in + at[d];
    return number;
}

/* Outputs begin..end-1 of element type T. A window without inputs has LEAST, and -1. */
#define INDICES(NAME, T, LEAST)                                                                                 \
    static void NAME(void *context, size_t begin, size_t end) {                                                 \
        const struct indices_work *work = context;                                                              \
        const struct pool_axis *axis = work->window->axis;                                                      \
        const T *x = work->call->inputs[0]->data;                                                               \
        T *y = work->call->outputs[0] ? work->call->outputs[0]->data : NULL;                                    \
        int64_t *indices = work->call->outputs[1]->data;                                                        \
        for (size_t o = begin; o < end; o++) {                                                                  \
            struct indices_place p;                                                                             \
            find_place(work, (int64_t)o, &p);                                                                   \
            int64_t best[SPATIAL] = {-1, 0, 0}, i[SPATIAL];                                                     \
            T largest = (T)(LEAST);                                                                             \
            for (int64_t a = p.taps[0].first; a < p.taps[0].end; a++)                                           \
                for (int64_t b = p.taps[1].first; b < p.taps[1].end; b++)                                       \
                    for (int64_t c = p.taps[2].first; c < p.taps[2].end; c++) {                                 \
                        i[0] = p.start[0] + a * axis[0].dilation, i[1] = p.start[1] + b * axis[1].dilation;     \
                        i[2] = p.start[2] + c * axis[2].dilation;                                               \
                        const T v = x[((p.outer * axis[0].in + i[0]) * axis[1].in + i[1]) * axis[2].in + i[2]]; \
                        if (best[0] >= 0 && !(v > largest) && !(v != v && largest == largest))                  \
                            continue;                                                                           \
                        largest = v;                                                                            \
                        best[0] = i[0], best[1] = i[1], best[2] = i[2];                                         \
                    }                                                                                           \
            if (y)                                                                                              \
                y[o] = largest;                                                                                 \
            indices[o] = best[0] < 0 ? -1 : p.outer * work->plane + number_of(work, best);                      \
        }                                                                                                       \
    }
INDICES(indices_float, float, -__builtin_inff())
INDICES(indices_double, double, -__builtin_inf())
INDICES(indices_int8, int8_t, INT8_MIN)
INDICES(indices_uint8, uint8_t, 0)

void pool_indices_run(const struct op_call *call, const struct pool_window *window) {
    const struct pool_axis *axis = window->axis;
    struct indices_work work = {.call = call,
                                .window = window,
                                .plane = axis[0].in * axis[1].in * axis[2].in,
                                .out_plane = axis[0].out * axis[1].out * axis[2].out,
                                .column_major = ((const struct pool_params *)call->params)->column_major};
    const enum dtype dtype = call->inputs[0]->dtype;
    parallel_body *body = dtype == DTYPE_FLOAT    ? indices_float
                          : dtype == DTYPE_DOUBLE ? indices_double
                          : dtype == DTYPE_INT8   ? indices_int8
                                                  : indices_uint8;
    int64_t taps = 1;
    for (int d = 0; d < SPATIAL; d++)
        taps = at_most(taps * at_most(axis[d].kernel, PARALLEL_ELEMENTS), PARALLEL_ELEMENTS);
    parallel_blocks((size_t)(window->outer * work.out_plane), 1 + PARALLEL_ELEMENTS / ((size_t)taps + 4), call->threads,
                    body, &work);
}
