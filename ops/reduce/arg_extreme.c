/*
 * ArgMax and ArgMin: where along an axis the greatest or smallest element stands, the first of equal ones or the last.
 * NaN counts as the extreme one, as in numpy.
 */
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/type_rows.h"
#include "ops/kernels/families.h"
#include "ops/reduce/lines.h"

#define COLUMNS 256

struct arg_params {
    int64_t axis;
    bool keep, last;
};

/* One line whose elements are neighbours; `size` above zero. */
typedef int64_t arg_row(const void *in, int64_t size, bool last);
/* `count` lines side by side, at most COLUMNS, whose elements are `stride` apart. */
typedef void arg_columns(const void *in, int64_t size, int64_t stride, int64_t count, bool last, int64_t *out);

struct arg_loops {
    arg_row *row;
    arg_columns *columns;
};

/* BETTER compares x with what is known, m. From the end where the last one is wanted. */
#define ROW(T, NAME, BETTER)                                             \
    static int64_t row_##NAME(const void *in, int64_t size, bool last) { \
        int64_t place = last ? size - 1 : 0;                             \
        T m = ((const T *)in)[place];                                    \
        for (int64_t s = 1; s < size; s++) {                             \
            const int64_t i = last ? size - 1 - s : s;                   \
            const T x = ((const T *)in)[i];                              \
            if (BETTER) {                                                \
                m = x;                                                   \
                place = i;                                               \
            }                                                            \
        }                                                                \
        return place;                                                    \
    }

#define COLUMN_LOOP(T, BETTER, EQUAL)                  \
    for (int64_t s = 1; s < size; s++) {               \
        const T *const a = (const T *)in + s * stride; \
        SIMD for (int64_t k = 0; k < count; k++) {     \
            const T x = a[k], m = best[k];             \
            const bool take = (BETTER) | (EQUAL);      \
            best[k] = take ? x : m;                    \
            place[k] = take ? (int32_t)s : place[k];   \
        }                                              \
    }
#define COLUMN(T, NAME, BETTER)                                                                                        \
    static void columns_##NAME(const void *in, int64_t size, int64_t stride, int64_t count, bool last, int64_t *out) { \
        T best[COLUMNS];                                                                                               \
        int32_t place[COLUMNS] = {0};                                                                                  \
        for (int64_t k = 0; k < count; k++)                                                                            \
            best[k] = ((const T *)in)[k];                                                                              \
        if (last)                                                                                                      \
            COLUMN_LOOP(T, BETTER, (x == m) | ((x != x) & (m != m)))                                                   \
        else                                                                                                           \
            COLUMN_LOOP(T, BETTER, false)                                                                              \
        for (int64_t k = 0; k < count; k++)                                                                            \
            out[k] = place[k];                                                                                         \
    }

/* NaN stays once it is there; of integers that part goes away. */
#define LOOPS(T, NAME, BETTER) \
    ROW(T, NAME, (BETTER))     \
    COLUMN(T, NAME, (BETTER))
#define BOTH(T, DTYPE)                                     \
    LOOPS(T, max_##DTYPE, ((x > m) | (x != x)) & (m == m)) \
    LOOPS(T, min_##DTYPE, ((x < m) | (x != x)) & (m == m))
ROWS_NUMBER(BOTH)

#define MAX_ENTRY(T, DTYPE) [DTYPE_##DTYPE] = {row_max_##DTYPE, columns_max_##DTYPE},
#define MIN_ENTRY(T, DTYPE) [DTYPE_##DTYPE] = {row_min_##DTYPE, columns_min_##DTYPE},
static const struct arg_loops max_loops[DTYPE_COUNT] = {ROWS_NUMBER(MAX_ENTRY)};
static const struct arg_loops min_loops[DTYPE_COUNT] = {ROWS_NUMBER(MIN_ENTRY)};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct arg_params *params = out;
    (void)err;
    params->axis = attribute_int(attributes, "axis", 0);
    params->keep = attribute_int(attributes, "keepdims", 1) != 0;
    params->last = call->op->since >= 12 && attribute_int(attributes, "select_last_index", 0) != 0;
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct arg_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    struct shape shape = {0};
    int axis;
    /* A number is its own extreme. */
    const status code = op_axis(params->axis, x->rank ? x->rank : 1, &axis, "axis", err);
    if (code != STATUS_OK)
        return code;
    for (int i = 0; i < x->rank; i++)
        if (i != axis || params->keep)
            shape.dims[shape.rank++] = i == axis ? 1 : x->dims[i];
    if (x->rank && x->dims[axis] > INT32_MAX)
        return fail(err, STATUS_LIMIT, "axis %d of %s is too long", axis, shape_text(x, text));
    if (x->rank && x->dims[axis] == 0 && shape_elements(&shape) > 0)
        return fail(err, STATUS_SHAPE, "input 0 (data) of shape %s has nothing along axis %d", shape_text(x, text),
                    axis);
    return tensor_describe(call->outputs[0], DTYPE_INT64, &shape, err);
}

struct arg_work {
    const struct arg_loops *loops;
    struct lines lines;
    const char *in;
    size_t element;
    int64_t *out;
    int64_t parts; /* of the lines inside, at most COLUMNS each */
    bool last;
    const struct row_kernel *rows;
    float sign; /* -1 for the smallest */
};

static void run_floats(void *context, size_t begin, size_t end) {
    const struct arg_work *work = context;
    const size_t size = (size_t)work->lines.size;
    for (size_t row = begin; row < end; row++)
        work->out[row] =
            (int64_t)work->rows->extreme((const float *)(const void *)work->in + row * size, size, work->sign);
}

static void run_rows(void *context, size_t begin, size_t end) {
    const struct arg_work *work = context;
    for (size_t row = begin; row < end; row++)
        work->out[row] =
            work->loops->row(work->in + row * (size_t)work->lines.size * work->element, work->lines.size, work->last);
}

static void run_columns(void *context, size_t begin, size_t end) {
    const struct arg_work *work = context;
    const struct lines *lines = &work->lines;
    for (int64_t part = (int64_t)begin; part < (int64_t)end; part++) {
        const int64_t outer = part / work->parts, first = part % work->parts * COLUMNS;
        const int64_t count = lines->inner - first < COLUMNS ? lines->inner - first : COLUMNS;
        work->loops->columns(work->in + (size_t)(outer * lines->size * lines->inner + first) * work->element,
                             lines->size, lines->inner, count, work->last, work->out + outer * lines->inner + first);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct arg_params *params = call->params;
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    int axis;
    const status code = op_axis(params->axis, x->shape.rank ? x->shape.rank : 1, &axis, "axis", err);
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    struct arg_work work = {.loops = &((const struct arg_loops *)call->op->row)[x->dtype],
                            .lines = lines_along(&x->shape, axis),
                            .in = x->data,
                            .element = dtype_size(x->dtype),
                            .out = y->data,
                            .last = params->last,
                            .rows = row_kernel_of(call->kernels),
                            .sign = call->op->row == max_loops ? 1 : -1};
    work.parts = (work.lines.inner + COLUMNS - 1) / COLUMNS;
    const size_t cost = (size_t)work.lines.size * (work.lines.inner == 1 ? 1 : COLUMNS);
    const size_t block = cost >= PARALLEL_ELEMENTS ? 1 : PARALLEL_ELEMENTS / cost;
    const bool floats = x->dtype == DTYPE_FLOAT && !params->last && work.lines.size > 16;
    if (work.lines.inner == 1)
        parallel_blocks((size_t)work.lines.outer, block, call->threads, floats ? run_floats : run_rows, &work);
    else
        parallel_blocks((size_t)(work.lines.outer * work.parts), block, call->threads, run_columns, &work);
    return STATUS_OK;
}

/* Over channels alone every place is seen by itself. */
static void reach(const struct op_call *call, const bool *sees, struct op_reach *out) {
    const struct arg_params *params = call->params;
    (void)sees;
    *out = (struct op_reach){.view = params->axis == 1 ? VIEW_WINDOW : VIEW_WHOLE, .step = 1};
}

static const struct op_facts facts = {.reach = reach};
static const struct op_arg inputs[] = {{"data", TYPES_NUMBER, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"reduced", TYPE(DTYPE_INT64), 0}, {0}};

#define ARG(NAME, SINCE, UNTIL, LOOPS_OF)                                                                      \
    {                                                                                                          \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL, .inputs = inputs, .outputs = outputs,      \
        .params_size = sizeof(struct arg_params), .parse = parse, .infer = infer, .run = run, .facts = &facts, \
        .row = LOOPS_OF                                                                                        \
    }

const struct op ops_arg_extreme[] = {ARG("ArgMax", 1, 11, max_loops),
                                     ARG("ArgMax", 12, 0, max_loops),
                                     ARG("ArgMin", 1, 11, min_loops),
                                     ARG("ArgMin", 12, 0, min_loops),
                                     {.name = NULL}};
