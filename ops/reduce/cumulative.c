/* CumSum and CumProd along an axis, from either end, with or without an element's own value. Sums are made in order. */
#include "base/simd.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"
#include "ops/core/type_rows.h"
#include "ops/reduce/lines.h"

struct cumulative_params {
    bool exclusive, reverse;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct cumulative_params *params = out;
    (void)call;
    (void)err;
    params->exclusive = attribute_int(attributes, "exclusive", 0) != 0;
    params->reverse = attribute_int(attributes, "reverse", 0) != 0;
    return STATUS_OK;
}

static status find_axis(const struct op_call *call, int *axis, struct error *err) {
    int64_t value;
    const status code = op_scalar_int(call, 1, &value, err);
    return code == STATUS_OK ? op_axis(value, call->inputs[0]->shape.rank, axis, "axis", err) : code;
}

static status infer(struct op_call *call, struct error *err) {
    int axis;
    const status code = op_unknown(call, 1) ? STATUS_OK : find_axis(call, &axis, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[0]->shape, err)
                             : code;
}

/*
 * `count` lines side by side; element s of line k is at s * step + k, steps may be negative. Reading and writing may be
 * the same memory.
 */
typedef void cumulative_loop(const void *in, void *out, int64_t size, int64_t step, int64_t count, bool exclusive);

/* A single line, with what has come together in a register. */
#define ALONE(T, ONE, COMBINE)                                 \
    T sum = (T)(ONE);                                          \
    for (int64_t s = 0; s < size; s++) {                       \
        const T x = sum, y = a[s * step], with = (T)(COMBINE); \
        b[s * step] = exclusive ? x : with;                    \
        sum = with;                                            \
    }
/* One step of several lines, at most WIDTH. */
#define WIDTH 512
#define STEP(T, COMBINE, STORED)                                       \
    SIMD for (int64_t k = 0; k < count; k++) {                         \
        const T x = sums[k], y = a[s * step + k], with = (T)(COMBINE); \
        b[s * step + k] = STORED;                                      \
        sums[k] = with;                                                \
    }
#define LOOP(T, NAME, ONE, COMBINE)                                                                          \
    static void NAME(const void *in, void *out, int64_t size, int64_t step, int64_t count, bool exclusive) { \
        const T *const a = in;                                                                               \
        T *const b = out;                                                                                    \
        T sums[WIDTH];                                                                                       \
        if (count == 1) {                                                                                    \
            ALONE(T, ONE, COMBINE)                                                                           \
            return;                                                                                          \
        }                                                                                                    \
        for (int64_t k = 0; k < count; k++)                                                                  \
            sums[k] = (T)(ONE);                                                                              \
        for (int64_t s = 0; s < size; s++)                                                                   \
            if (exclusive)                                                                                   \
                STEP(T, COMBINE, x)                                                                          \
            else                                                                                             \
                STEP(T, COMBINE, with)                                                                       \
    }

#define REAL(T, DTYPE)             \
    LOOP(T, sum_##DTYPE, 0, x + y) \
    LOOP(T, prod_##DTYPE, 1, x *y)
#define INTEGER(T, DTYPE)                              \
    LOOP(T, sum_##DTYPE, 0, (uint64_t)x + (uint64_t)y) \
    LOOP(T, prod_##DTYPE, 1, (uint64_t)x *(uint64_t)y)
#define ROWS_WIDE(X) X(int32_t, INT32) X(int64_t, INT64) X(uint32_t, UINT32) X(uint64_t, UINT64)
ROWS_REAL(REAL)
ROWS_WIDE(INTEGER)

#define SUM(T, DTYPE) [DTYPE_##DTYPE] = sum_##DTYPE,
#define PROD(T, DTYPE) [DTYPE_##DTYPE] = prod_##DTYPE,
static cumulative_loop *const sums[DTYPE_COUNT] = {ROWS_REAL(SUM) ROWS_WIDE(SUM)};
static cumulative_loop *const products[DTYPE_COUNT] = {ROWS_REAL(PROD) ROWS_WIDE(PROD)};

struct cumulative_work {
    cumulative_loop *loop;
    struct lines lines;
    const char *in;
    char *out;
    size_t element;
    int64_t parts; /* of the lines inside, at most WIDTH each */
    bool exclusive, reverse;
};

static void run_parts(void *context, size_t begin, size_t end) {
    const struct cumulative_work *work = context;
    const struct lines *lines = &work->lines;
    for (int64_t part = (int64_t)begin; part < (int64_t)end; part++) {
        const int64_t first = part % work->parts * WIDTH;
        const int64_t count = lines->inner - first < WIDTH ? lines->inner - first : WIDTH;
        int64_t at = part / work->parts * lines->size * lines->inner + first;
        if (work->reverse)
            at += (lines->size - 1) * lines->inner;
        work->loop(work->in + (size_t)at * work->element, work->out + (size_t)at * work->element, lines->size,
                   work->reverse ? -lines->inner : lines->inner, count, work->exclusive);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct cumulative_params *params = call->params;
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    int axis;
    const status code = find_axis(call, &axis, err);
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    struct cumulative_work work = {.loop = ((cumulative_loop *const *)call->op->row)[x->dtype],
                                   .lines = lines_along(&x->shape, axis),
                                   .in = x->data,
                                   .out = y->data,
                                   .element = dtype_size(x->dtype),
                                   .exclusive = params->exclusive,
                                   .reverse = params->reverse};
    work.parts = (work.lines.inner + WIDTH - 1) / WIDTH;
    const size_t cost = (size_t)work.lines.size * (work.lines.inner < WIDTH ? (size_t)work.lines.inner : WIDTH);
    parallel_blocks((size_t)(work.lines.outer * work.parts), cost >= PARALLEL_ELEMENTS ? 1 : PARALLEL_ELEMENTS / cost,
                    call->threads, run_parts, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};
#define TYPES_SUMMED \
    (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_INT32) | TYPE(DTYPE_INT64) | TYPE(DTYPE_UINT32) | TYPE(DTYPE_UINT64))
static const struct op_arg inputs[] = {{"x", TYPES_SUMMED, ARG_T}, {"axis", TYPES_INDEX, 0}, {0}};
static const struct op_arg outputs[] = {{"y", TYPES_SUMMED, ARG_T}, {0}};

#define CUMULATIVE(NAME, SINCE, LOOPS_OF)                                                                              \
    {                                                                                                                  \
        .name = NAME, .domain = "", .since = SINCE, .inputs = inputs, .outputs = outputs, .storage = STORAGE_IN_FIRST, \
        .params_size = sizeof(struct cumulative_params), .parse = parse, .infer = infer, .run = run, .facts = &facts,  \
        .row = LOOPS_OF                                                                                                \
    }

const struct op ops_cumulative[] = {
    CUMULATIVE("CumSum", 11, sums), CUMULATIVE("CumProd", 26, products), {.name = NULL}};
