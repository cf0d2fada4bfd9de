/* Min, Max, Sum and Mean of any number of broadcasting inputs, taken from left to right. */
#include "base/convert.h"
#include "base/scalar.h"
#include "ops/core/broadcast.h"
#include "ops/core/parallel.h"
#include "ops/elementwise/binary.h"

#include <string.h>

/* The first two operands make an output, which then takes in one operand after the other. */
struct variadic_row {
    struct binary_row pair;
    bool mean;
};

/* NaN wins over everything. */
#define LARGER(X, Y) ((X) > (Y) || (X) != (X) ? (X) : (Y))
#define SMALLER(X, Y) ((X) < (Y) || (X) != (X) ? (X) : (Y))
#define LOOPS(T, ...)                        \
    BINARY_LOOP(max_##T, T, T, LARGER(x, y)) \
    BINARY_LOOP(min_##T, T, T, SMALLER(x, y))
BINARY_LOOP(max_float, float, float, scalar_larger(x, y))
BINARY_LOOP(min_float, float, float, scalar_smaller(x, y))
LOOPS(double)
SIGNED_TYPES(LOOPS, 0)
UNSIGNED_TYPES(LOOPS, 0)
BINARY_LOOP(sum_float, float, float, x + y)
BINARY_LOOP(sum_double, double, double, x + y)

#define ENTRY(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_##T,
#define REALS(NAME) [DTYPE_FLOAT] = NAME##_float, [DTYPE_DOUBLE] = NAME##_double
#define NUMBERS(NAME) REALS(NAME), SIGNED_TYPES(ENTRY, NAME) UNSIGNED_TYPES(ENTRY, NAME)
static const struct variadic_row max_row = {.pair = {.loops = {NUMBERS(max)}}};
static const struct variadic_row min_row = {.pair = {.loops = {NUMBERS(min)}}};
static const struct variadic_row sum_row = {.pair = {.loops = {REALS(sum)}}};
static const struct variadic_row mean_row = {.pair = {.loops = {REALS(sum)}}, .mean = true};

static status variadic_infer(struct op_call *call, struct error *err) {
    struct tensor *y = op_output(call, 0);
    struct shape shape;
    const status code = broadcast_inputs(call, 0, call->input_count - 1, &shape, err);
    return code == STATUS_OK && y ? tensor_describe(y, call->inputs[0]->dtype, &shape, err) : code;
}

/* Sum, Mean, Min and Max of opset 6 and 7 know no broadcasting. */
static status variadic_6_infer(struct op_call *call, struct error *err) {
    char first[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    for (int i = 1; i < call->input_count; i++)
        if (!shape_equal(&call->inputs[0]->shape, &call->inputs[i]->shape))
            return fail(err, STATUS_SHAPE, "input %d has shape %s, expected %s as input 0 (before opset 8)", i,
                        shape_text(&call->inputs[i]->shape, other), shape_text(&call->inputs[0]->shape, first));
    return variadic_infer(call, err);
}

#define SUM_BYTES 8192 /* of the accumulators of one chunk */

/* The accumulation goes on in `wide` (float for the 16-bit types, else the type itself), chunk by chunk of the output.
 */
struct variadic_work {
    const struct op_call *call;
    binary_loop *loop;
    enum dtype dtype, wide;
    size_t size, wide_size;
    bool mean;
};

/* One operand's part of an accumulation over output elements start..: the walk hands it over in runs. */
struct variadic_operand {
    const struct variadic_work *work;
    const char *data;
    size_t step, start;
    char *sums;
    bool first;
};

/* A repeated operand is one element, else count of them, as `wide`. */
static const void *widen(const struct variadic_operand *operand, size_t at, size_t count, float buffer[CONVERT_CHUNK]) {
    const struct variadic_work *work = operand->work;
    const char *in = operand->data + at * work->size;
    if (work->dtype == work->wide)
        return in;
    half_to_float(work->dtype, (const uint16_t *)(const void *)in, buffer, operand->step ? count : 1);
    return buffer;
}

static void fill(char *out, const char *in, size_t step, size_t size, size_t count) {
    if (step)
        memcpy(out, in, count * size);
    else
        for (size_t i = 0; i < count; i++)
            memcpy(out + i * size, in, size);
}

static void accumulate(void *context, size_t out, const size_t *at, size_t count) {
    const struct variadic_operand *operand = context;
    const struct variadic_work *work = operand->work;
    float buffer[CONVERT_CHUNK];
    const void *in = widen(operand, at[0], count, buffer);
    char *sums = operand->sums + (out - operand->start) * work->wide_size;
    if (operand->first)
        fill(sums, in, operand->step, work->wide_size, count);
    else
        work->loop(sums, sums, 1, in, operand->step, count, NULL);
}

static void divide(const struct variadic_work *work, void *sums, size_t count) {
    const int n = work->call->input_count;
    float *narrow = sums;
    double *wide = sums;
    if (work->wide == DTYPE_DOUBLE)
        for (size_t i = 0; i < count; i++)
            wide[i] /= n;
    else
        for (size_t i = 0; i < count; i++)
            narrow[i] /= (float)n;
}

static void run_block(void *context, size_t begin, size_t end) {
    const struct variadic_work *work = context;
    const struct op_call *call = work->call;
    const struct tensor *out = call->outputs[0];
    double sums[SUM_BYTES / sizeof(double)];
    const size_t chunk = work->dtype == work->wide ? SUM_BYTES / work->wide_size : CONVERT_CHUNK;
    for (size_t i = begin, n; i < end; i += n) {
        n = end - i < chunk ? end - i : chunk;
        for (int k = 0; k < call->input_count; k++) {
            const struct shape *shape = &call->inputs[k]->shape;
            struct broadcast plan;
            broadcast_plan(&plan, &out->shape, &shape, 1);
            struct variadic_operand operand = {work, call->inputs[k]->data, plan.strides[0][plan.rank - 1],
                                               i,    (char *)sums,          k == 0};
            broadcast_walk(&plan, i, i + n, accumulate, &operand);
        }
        if (work->mean)
            divide(work, sums, n);
        if (work->dtype == work->wide)
            memcpy((char *)out->data + i * work->size, sums, n * work->size);
        else
            half_from_float(work->dtype, (const float *)(const void *)sums, (uint16_t *)out->data + i, n);
    }
}

static status variadic_run(struct op_call *call, struct error *err) {
    const struct variadic_row *row = call->op->row;
    const struct tensor *out = op_output(call, 0);
    (void)err;
    if (!out)
        return STATUS_OK;
    const enum dtype wide = dtype_is_half(out->dtype) ? DTYPE_FLOAT : out->dtype;
    if (call->input_count == 2 && !row->mean) {
        struct binary_half half;
        const struct binary_operation operation = binary_operation(&row->pair, out->dtype, &half);
        binary_apply(call, &operation);
        return STATUS_OK;
    }
    struct variadic_work work = {.call = call,
                                 .loop = row->pair.loops[wide],
                                 .dtype = out->dtype,
                                 .wide = wide,
                                 .size = dtype_size(out->dtype),
                                 .wide_size = dtype_size(wide),
                                 .mean = row->mean};
    parallel_blocks((size_t)tensor_elements(out), PARALLEL_ELEMENTS, call->threads, run_block, &work);
    return STATUS_OK;
}

#define VARIADIC(NAME, SINCE, UNTIL, TYPES, INFER, ROW)                                                 \
    {                                                                                                   \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL,                                     \
        .inputs = (const struct op_arg[]){{"data_0", TYPES, ARG_T | ARG_VARIADIC}, {0}},                \
        .outputs = (const struct op_arg[]){{"result", TYPES, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE, \
        .infer = INFER, .run = variadic_run, .row = &(ROW)                                              \
    }
#define EXTREME(NAME, ROW)                                                                                           \
    VARIADIC(NAME, 1, 7, TYPES_REAL, variadic_6_infer, ROW), VARIADIC(NAME, 8, 11, TYPES_REAL, variadic_infer, ROW), \
        VARIADIC(NAME, 12, 12, TYPES_REAL | TYPES_INTEGER, variadic_infer, ROW),                                     \
        VARIADIC(NAME, 13, 0, TYPES_REAL_BF | TYPES_INTEGER, variadic_infer, ROW)
#define SUM(NAME, ROW)                                                                                               \
    VARIADIC(NAME, 1, 7, TYPES_REAL, variadic_6_infer, ROW), VARIADIC(NAME, 8, 12, TYPES_REAL, variadic_infer, ROW), \
        VARIADIC(NAME, 13, 0, TYPES_REAL_BF, variadic_infer, ROW)

const struct op ops_variadic[] = {
    EXTREME("Max", max_row), EXTREME("Min", min_row), SUM("Sum", sum_row), SUM("Mean", mean_row), {0},
};
