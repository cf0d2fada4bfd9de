/*
 * Softmax, LogSoftmax and Hardmax. Since opset 13 along one axis; before, along all dimensions from the axis on. Either
 * way the input is [outer][size][inner], and each column of `size` numbers is an affair of its own.
 */
#include "base/checked.h"
#include "base/convert.h"
#include "base/scalar.h"
#include "ops/core/attributes.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/unary.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"

#include <math.h>

#define COLUMNS ROW_COLUMNS /* that are walked side by side where inner > 1 */
enum softmax_kind { SOFTMAX, LOG_SOFTMAX, HARDMAX };

struct softmax_work {
    enum softmax_kind kind;
    enum dtype dtype; /* FLOAT or DOUBLE */
    const struct row_kernel *rows;
    const char *in;
    char *out;
    size_t size, inner, tiles; /* tiles of one outer step */
};

/* ---- a row of neighbours ---- */

static void row_float(const struct softmax_work *work, const float *in, float *out, size_t count) {
    work->rows->softmax(in, out, 1, count, work->kind == LOG_SOFTMAX);
}

static void row_double(const struct softmax_work *work, const double *in, double *out, size_t count) {
    double largest = in[0], sum = 0;
    for (size_t i = 1; i < count; i++)
        largest = in[i] > largest ? in[i] : largest;
    for (size_t i = 0; i < count; i++) {
        const double e = exp(in[i] - largest);
        sum += e;
        out[i] = work->kind == SOFTMAX ? e : in[i] - largest;
    }
    const double factor = 1 / sum, less = log(sum);
    for (size_t i = 0; i < count; i++)
        out[i] = work->kind == SOFTMAX ? out[i] * factor : out[i] - less;
}

/* ---- columns side by side, and all ---- */

static void columns_float(const struct softmax_work *work, const float *in, float *out, size_t rows, size_t stride,
                          size_t count) {
    work->rows->softmax_columns(in, out, rows, stride, count, work->kind == LOG_SOFTMAX);
}

static void columns_double(const struct softmax_work *work, const double *in, double *out, size_t rows, size_t stride,
                           size_t count) {
    double largest[COLUMNS], sums[COLUMNS] = {0};
    for (size_t j = 0; j < count; j++)
        largest[j] = in[j];
    for (size_t i = 1; i < rows; i++)
        SIMD for (size_t j = 0; j < count; j++) largest[j] =
            in[i * stride + j] > largest[j] ? in[i * stride + j] : largest[j];
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < count; j++) {
            const double less = in[i * stride + j] - largest[j], e = exp(less);
            sums[j] += e;
            out[i * stride + j] = work->kind == SOFTMAX ? e : less;
        }
    for (size_t j = 0; j < count; j++)
        sums[j] = work->kind == SOFTMAX ? 1 / sums[j] : log(sums[j]);
    for (size_t i = 0; i < rows; i++)
        SIMD for (size_t j = 0; j < count; j++) out[i * stride + j] =
            work->kind == SOFTMAX ? out[i * stride + j] * sums[j] : out[i * stride + j] - sums[j];
}

/*
 * A tile is `rows` rows of `count` numbers, `stride` apart. Where inner > 1 its columns are normalised, each by itself;
 * where inner = 1 a tile is one row, and normalised as one.
 */
#define SOFTMAX_STEPS(T)                                                                                         \
    /* One at the first of the largest numbers, zero elsewhere. */                                               \
    static void hard_##T(const T *in, T *out, size_t rows, size_t stride) {                                      \
        size_t best = 0;                                                                                         \
        for (size_t i = 1; i < rows; i++)                                                                        \
            if (in[i * stride] > in[best * stride])                                                              \
                best = i;                                                                                        \
        for (size_t i = 0; i < rows; i++)                                                                        \
            out[i * stride] = i == best ? 1 : 0;                                                                 \
    }                                                                                                            \
    static void tile_##T(const struct softmax_work *work, const void *in, void *out, size_t rows, size_t stride, \
                         size_t count) {                                                                         \
        for (size_t j = 0; work->kind == HARDMAX && j < count; j++)                                              \
            hard_##T((const T *)in + j, (T *)out + j, rows, stride);                                             \
        if (work->kind != HARDMAX && stride == 1)                                                                \
            row_##T(work, in, out, rows);                                                                        \
        else if (work->kind != HARDMAX)                                                                          \
            columns_##T(work, in, out, rows, stride, count);                                                     \
    }

SOFTMAX_STEPS(float)
SOFTMAX_STEPS(double)

struct softmax_row {
    enum softmax_kind kind;
    int64_t axis;   /* default of the attribute */
    bool flattened; /* the dimensions after the axis belong to it */
};

struct softmax_params {
    int64_t axis;
};

static status softmax_parse(const struct op_call *call, struct attributes *attributes, void *params,
                            struct error *err) {
    const struct softmax_row *row = call->op->row;
    (void)err;
    ((struct softmax_params *)params)->axis = attribute_int(attributes, "axis", row->axis);
    return STATUS_OK;
}

/* A scalar is a list of one number; an axis that is the rank leaves lists of one number, where dimensions are
 * flattened. */
static status find_axis(const struct op_call *call, int *axis, struct error *err) {
    const struct softmax_row *row = call->op->row;
    const int64_t wanted = ((const struct softmax_params *)call->params)->axis;
    const int rank = call->inputs[0]->shape.rank;
    *axis = rank;
    if (row->flattened && wanted == rank)
        return STATUS_OK;
    return op_axis(wanted, rank ? rank : 1, axis, "axis", err);
}

static status softmax_infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct tensor *y = op_output(call, 0);
    int axis;
    const status code = find_axis(call, &axis, err);
    return code == STATUS_OK && y ? tensor_describe(y, x->dtype, &x->shape, err) : code;
}

/* The 16-bit types are worked on as float. */
static status softmax_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct tensor *x = call->inputs[0];
    if (dtype_is_half(x->dtype) && !size_mul((size_t)tensor_elements(x), sizeof(float), workspace_bytes))
        return fail(err, STATUS_LIMIT, "the input is too large");
    return STATUS_OK;
}

static void run_tiles(void *context, size_t begin, size_t end) {
    const struct softmax_work *work = context;
    const size_t item = dtype_size(work->dtype);
    if (work->inner == 1 && work->dtype == DTYPE_FLOAT && work->kind != HARDMAX) {
        work->rows->softmax((const float *)(const void *)work->in + begin * work->size,
                            (float *)(void *)work->out + begin * work->size, end - begin, work->size,
                            work->kind == LOG_SOFTMAX);
        return;
    }
    for (size_t i = begin; i < end; i++) {
        const size_t column = i % work->tiles * COLUMNS, left = work->inner - column;
        const size_t offset = (i / work->tiles * work->size * work->inner + column) * item;
        const size_t count = left < COLUMNS ? left : COLUMNS;
        (work->dtype == DTYPE_FLOAT ? tile_float : tile_double)(work, work->in + offset, work->out + offset, work->size,
                                                                work->inner, count);
    }
}

static void run_all(const struct op_call *call, struct softmax_work *work, int axis, bool flattened) {
    const struct shape *shape = &call->inputs[0]->shape;
    size_t outer = 1;
    work->size = work->inner = 1;
    for (int d = 0; d < shape->rank; d++)
        *(d < axis ? &outer : d == axis || flattened ? &work->size : &work->inner) *= (size_t)shape->dims[d];
    work->tiles = (work->inner + COLUMNS - 1) / COLUMNS;
    const size_t cost = work->size * (work->inner < COLUMNS ? work->inner : COLUMNS);
    const size_t block = cost < PARALLEL_ELEMENTS / 4 ? PARALLEL_ELEMENTS / 4 / cost : 1;
    parallel_blocks(outer * work->tiles, block, call->threads, run_tiles, work);
}

static status softmax_run(struct op_call *call, struct error *err) {
    const struct softmax_row *row = call->op->row;
    const struct tensor *x = call->inputs[0], *y = op_output(call, 0);
    const bool half = dtype_is_half(x->dtype);
    int axis;
    const status code = find_axis(call, &axis, err);
    if (code != STATUS_OK || !y || y->bytes == 0)
        return code;
    const size_t count = (size_t)tensor_elements(x);
    struct softmax_work work = {.kind = row->kind,
                                .dtype = half ? DTYPE_FLOAT : x->dtype,
                                .rows = row_kernel_of(call->kernels),
                                .in = x->data,
                                .out = y->data};
    if (half) {
        half_to_float(x->dtype, x->data, call->workspace, count);
        work.in = work.out = call->workspace;
    }
    run_all(call, &work, axis, row->flattened);
    if (half)
        half_from_float(x->dtype, call->workspace, y->data, count);
    return STATUS_OK;
}

#define ROW(KIND, AXIS, FLATTENED) (&(const struct softmax_row){KIND, AXIS, FLATTENED})
#define DEFINITION(NAME, SINCE, UNTIL, TYPES, ROW)                                                      \
    {                                                                                                   \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL,                                     \
        .inputs = (const struct op_arg[]){{"input", TYPES, ARG_T}, {0}},                                \
        .outputs = (const struct op_arg[]){{"output", TYPES, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE, \
        .params_size = sizeof(struct softmax_params), .parse = softmax_parse, .infer = softmax_infer,   \
        .prepare = softmax_prepare, .run = softmax_run, .row = ROW                                      \
    }
#define FAMILY(NAME, KIND)                                   \
    DEFINITION(NAME, 1, 12, TYPES_REAL, ROW(KIND, 1, true)), \
        DEFINITION(NAME, 13, 0, TYPES_REAL_BF, ROW(KIND, -1, false))

const struct op ops_softmax[] = {
    FAMILY("Softmax", SOFTMAX),
    FAMILY("LogSoftmax", LOG_SOFTMAX),
    FAMILY("Hardmax", HARDMAX),
    {0},
};
