/* The Reduce operators: what their accumulators are and do. */
#include "base/convert.h"
#include "base/simd.h"
#include "ops/elementwise/unary.h"
#include "ops/kernels/families.h"
#include "ops/reduce/reduce.h"

#include <float.h>
#include <math.h>

/* Partial results of a run, so that neighbours do not wait for each other; combined in a fixed order. */
#define LANES(A) (sizeof(A) == 1 ? 16 : 8)

/*
 * Loops for elements x of type T in accumulators a, b of type A: START is an empty one, STEP is a with x taken in,
 * COMBINE is what a and b have together, FINISH is the output made of a and the number n of elements in it.
 */
#define REDUCE_ENDS(NAME, T, A, PRAGMA, START, FINISH)                                       \
    static void NAME##_start(void *accumulators, size_t count) {                             \
        PRAGMA for (size_t i = 0; i < count; i++)((A *)accumulators)[i] = START;             \
    }                                                                                        \
    static void NAME##_finish(void *out, const void *accumulators, size_t count, size_t n) { \
        (void)n;                                                                             \
        PRAGMA for (size_t i = 0; i < count; i++) {                                          \
            const A a = ((const A *)accumulators)[i];                                        \
            ((T *)out)[i] = (T)(FINISH);                                                     \
        }                                                                                    \
    }
/* For floats: ops/kernels/reduce.h has the rest. */
#define FLOAT_ENDS(NAME, START, FINISH)                                                              \
    REDUCE_ENDS(NAME##_float, float, double, SIMD, START, FINISH)                                    \
    static const struct reduce_loops NAME##_float = {sizeof(double), NAME##_float_start, NULL, NULL, \
                                                     NAME##_float_finish};
#define REDUCE_LOOPS(NAME, T, A, START, STEP, COMBINE, FINISH)                                          \
    REDUCE_ENDS(NAME, T, A, , START, FINISH)                                                            \
    static inline A NAME##_step(A a, T x) {                                                             \
        return STEP;                                                                                    \
    }                                                                                                   \
    static inline A NAME##_join(A a, A b) {                                                             \
        return COMBINE;                                                                                 \
    }                                                                                                   \
    static inline A NAME##_row(A a, const T *source, size_t count) {                                    \
        A lanes[LANES(A)];                                                                              \
        size_t i = 0;                                                                                   \
        NAME##_start(lanes, LANES(A));                                                                  \
        for (; count - i >= LANES(A); i += LANES(A))                                                    \
            SIMD for (size_t j = 0; j < LANES(A); j++) lanes[j] = NAME##_step(lanes[j], source[i + j]); \
        for (; i < count; i++)                                                                          \
            lanes[i % LANES(A)] = NAME##_step(lanes[i % LANES(A)], source[i]);                          \
        for (size_t half = LANES(A) / 2; half > 0; half /= 2)                                           \
            for (size_t j = 0; j < half; j++)                                                           \
                lanes[j] = NAME##_join(lanes[j], lanes[j + half]);                                      \
        return NAME##_join(a, lanes[0]);                                                                \
    }                                                                                                   \
    static void NAME##_rows(void *accumulators, const void *in, size_t rows, size_t count) {            \
        const T *source = in;                                                                           \
        A *target = accumulators;                                                                       \
        for (size_t r = 0; r < rows; r++, source += count) {                                            \
            A a = target[r];                                                                            \
            for (size_t i = 0; count < 2 * LANES(A) && i < count; i++)                                  \
                a = NAME##_step(a, source[i]);                                                          \
            target[r] = count < 2 * LANES(A) ? a : NAME##_row(a, source, count);                        \
        }                                                                                               \
    }                                                                                                   \
    static void NAME##_columns(void *accumulators, const void *in, size_t count) {                      \
        const T *source = in;                                                                           \
        A *target = accumulators;                                                                       \
        SIMD for (size_t i = 0; i < count; i++) target[i] = NAME##_step(target[i], source[i]);          \
    }                                                                                                   \
    static const struct reduce_loops NAME = {sizeof(A), NAME##_start, NAME##_rows, NAME##_columns, NAME##_finish};

/* A real result as an element: cut to an integer where T is one. */
#define AS_float(X) (X)
#define AS_double(X) (X)
#define AS_int32_t(X) real_to_int32(X)
#define AS_int64_t(X) real_to_int64(X)
#define AS_uint32_t(X) real_to_int64(X)
#define AS_uint64_t(X) real_to_uint64(X)

/* log of a sum of exponentials, relative to the largest exponent so far. Calls cost little beside exp(). */
struct log_sum {
    double largest, sum;
};

__attribute__((noinline)) static struct log_sum log_sum_step(struct log_sum a, double x) {
    if (x > a.largest)
        return (struct log_sum){x, a.sum * exp(a.largest - x) + 1};
    a.sum += x == a.largest ? 1 : exp(x - a.largest); /* two infinities have no difference */
    return a;
}

__attribute__((noinline)) static struct log_sum log_sum_join(struct log_sum a, struct log_sum b) {
    if (b.sum == 0)
        return a;
    if (a.sum == 0)
        return b;
    if (a.largest == b.largest)
        return (struct log_sum){a.largest, a.sum + b.sum};
    if (a.largest > b.largest)
        return (struct log_sum){a.largest, a.sum + b.sum * exp(b.largest - a.largest)};
    return (struct log_sum){b.largest, b.sum + a.sum * exp(a.largest - b.largest)};
}

/* What is the same for real and integer elements: the work is done in double. */
#define LOOPS_BY_DOUBLE(T)                                                                \
    REDUCE_LOOPS(l2_##T, T, double, 0, a + (double)x * (double)x, a + b, AS_##T(sqrt(a))) \
    REDUCE_LOOPS(log_sum_##T, T, double, 0, a + (double)x, a + b, AS_##T(log(a)))         \
    LOG_SUM_EXP(T)
#define LOG_SUM_EXP(T)                                                                                             \
    REDUCE_LOOPS(log_sum_exp_##T, T, struct log_sum, ((struct log_sum){-HUGE_VAL, 0}), log_sum_step(a, (double)x), \
                 log_sum_join(a, b), AS_##T(a.largest + log(a.sum)))
#define REAL_LOOPS(T)                                                               \
    REDUCE_LOOPS(sum_##T, T, double, 0, a + (double)x, a + b, a)                    \
    REDUCE_LOOPS(mean_##T, T, double, 0, a + (double)x, a + b, a / (double)n)       \
    REDUCE_LOOPS(prod_##T, T, double, 1, a *(double)x, a *b, a)                     \
    REDUCE_LOOPS(l1_##T, T, double, 0, a + fabs((double)x), a + b, a)               \
    REDUCE_LOOPS(sum_square_##T, T, double, 0, a + (double)x * (double)x, a + b, a) \
    LOOPS_BY_DOUBLE(T)
/* Integers wrap modulo 2^64, then to T. Div is a division of T's sign; the mean of nothing is 0. */
#define INTEGER_LOOPS(T, DIV, ABSOLUTE)                                                     \
    REDUCE_LOOPS(mean_##T, T, uint64_t, 0, a + (uint64_t)x, a + b, n ? (DIV)a / (DIV)n : 0) \
    REDUCE_LOOPS(l1_##T, T, uint64_t, 0, a + (ABSOLUTE), a + b, a)                          \
    LOOPS_BY_DOUBLE(T)
#define SIGNED_ABSOLUTE (x < 0 ? 0 - (uint64_t)x : (uint64_t)x)
/* The same bits with a sign and without. */
#define WRAPPING_LOOPS(T)                                            \
    REDUCE_LOOPS(sum_##T, T, uint64_t, 0, a + (uint64_t)x, a + b, a) \
    REDUCE_LOOPS(prod_##T, T, uint64_t, 1, a *(uint64_t)x, a *b, a)  \
    REDUCE_LOOPS(sum_square_##T, T, uint64_t, 0, a + (uint64_t)x * (uint64_t)x, a + b, a)
FLOAT_ENDS(sum, 0, a)
FLOAT_ENDS(mean, 0, a / (double)n)
FLOAT_ENDS(prod, 1, a)
FLOAT_ENDS(l1, 0, a)
FLOAT_ENDS(l2, 0, sqrt(a))
FLOAT_ENDS(sum_square, 0, a)
FLOAT_ENDS(log_sum, 0, log(a))
FLOAT_ENDS(max, -HUGE_VAL, a)
FLOAT_ENDS(min, HUGE_VAL, a)
LOG_SUM_EXP(float)
REAL_LOOPS(double)
WRAPPING_LOOPS(uint32_t)
WRAPPING_LOOPS(uint64_t)
INTEGER_LOOPS(int32_t, int64_t, SIGNED_ABSOLUTE)
INTEGER_LOOPS(int64_t, int64_t, SIGNED_ABSOLUTE)
INTEGER_LOOPS(uint32_t, uint64_t, (uint64_t)x)
INTEGER_LOOPS(uint64_t, uint64_t, (uint64_t)x)

/* Floats by vectors, a chunk after the other. */
static void log_sum_exp_by(const struct row_kernel *kernel, void *accumulator, const float *x, size_t count) {
    float powers[CONVERT_CHUNK];
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < CONVERT_CHUNK ? count - i : CONVERT_CHUNK;
        const float largest = kernel->largest(x + i, n);
        if (isfinite(largest)) {
            const struct log_sum part = {(double)largest, kernel->exp_less(x + i, powers, n, largest)};
            *(struct log_sum *)accumulator = log_sum_join(*(struct log_sum *)accumulator, part);
        } else {
            log_sum_exp_float_rows(accumulator, x + i, 1, n);
        }
    }
}

/* The same of columns. Beside an infinity or a NaN other numbers do not count. */
static void log_sum_exp_columns_by(const struct kernels *kernels, void *accumulators, const float *x, size_t stride,
                                   size_t steps, size_t count) {
    double largest[REDUCE_COLUMNS], sums[REDUCE_COLUMNS] = {0};
    float less[REDUCE_COLUMNS], powers[REDUCE_COLUMNS];
    struct log_sum *target = accumulators;
    for (size_t i = 0; i < count; i++)
        largest[i] = -HUGE_VAL;
    reduce_kernel_of(kernels)->columns(REDUCE_LARGEST, x, stride, steps, count, largest);
    for (size_t i = 0; i < count; i++)
        less[i] = isfinite(largest[i]) ? (float)largest[i] : HUGE_VALF;
    for (size_t step = 0; step < steps; step++, x += stride) {
        SIMD for (size_t i = 0; i < count; i++) powers[i] = x[i] - less[i];
        row_kernel_of(kernels)->exp_less(powers, powers, count, 0);
        SIMD for (size_t i = 0; i < count; i++) sums[i] += (double)powers[i];
    }
    for (size_t i = 0; i < count; i++)
        target[i] = log_sum_join(target[i], (struct log_sum){largest[i], isfinite(largest[i]) ? sums[i] : 1});
}

/* NaN wins over everything. */
#define LARGER(X, Y) ((X) > (Y) || (X) != (X) ? (X) : (Y))
#define SMALLER(X, Y) ((X) < (Y) || (X) != (X) ? (X) : (Y))
#define EXTREME_LOOPS(T, LOWEST, HIGHEST)                              \
    REDUCE_LOOPS(max_##T, T, T, LOWEST, LARGER(x, a), LARGER(b, a), a) \
    REDUCE_LOOPS(min_##T, T, T, HIGHEST, SMALLER(x, a), SMALLER(b, a), a)
typedef uint8_t bool_t; /* 0 or 1 */
EXTREME_LOOPS(double, -HUGE_VAL, HUGE_VAL)
EXTREME_LOOPS(int8_t, INT8_MIN, INT8_MAX)
EXTREME_LOOPS(int32_t, INT32_MIN, INT32_MAX)
EXTREME_LOOPS(int64_t, INT64_MIN, INT64_MAX)
EXTREME_LOOPS(uint8_t, 0, UINT8_MAX)
EXTREME_LOOPS(uint32_t, 0, UINT32_MAX)
EXTREME_LOOPS(uint64_t, 0, UINT64_MAX)
EXTREME_LOOPS(bool_t, 0, 1)

#define WRAPPING_ENTRIES(NAME)                                                                        \
    [DTYPE_FLOAT] = &NAME##_float, [DTYPE_DOUBLE] = &NAME##_double, [DTYPE_INT32] = &NAME##_uint32_t, \
    [DTYPE_INT64] = &NAME##_uint64_t, [DTYPE_UINT32] = &NAME##_uint32_t, [DTYPE_UINT64] = &NAME##_uint64_t
#define WIDE_ENTRIES(NAME)                                                                           \
    [DTYPE_FLOAT] = &NAME##_float, [DTYPE_DOUBLE] = &NAME##_double, [DTYPE_INT32] = &NAME##_int32_t, \
    [DTYPE_INT64] = &NAME##_int64_t, [DTYPE_UINT32] = &NAME##_uint32_t, [DTYPE_UINT64] = &NAME##_uint64_t
#define ROW(NAME, KIND, ENTRIES) static const struct reduce_row NAME##_row = {.kind = KIND, .loops = {ENTRIES(NAME)}};
#define EXTREME_ROW(NAME, KIND)                                                                       \
    static const struct reduce_row NAME##_row = {                                                     \
        .kind = KIND,                                                                                 \
        .loops = {WIDE_ENTRIES(NAME), [DTYPE_INT8] = &NAME##_int8_t, [DTYPE_UINT8] = &NAME##_uint8_t, \
                  [DTYPE_BOOL] = &NAME##_bool_t}};
ROW(sum, REDUCE_SUM, WRAPPING_ENTRIES)
ROW(mean, REDUCE_SUM, WIDE_ENTRIES)
ROW(prod, REDUCE_PRODUCT, WRAPPING_ENTRIES)
ROW(l1, REDUCE_ABSOLUTES, WIDE_ENTRIES)
ROW(l2, REDUCE_SQUARES, WIDE_ENTRIES)
ROW(sum_square, REDUCE_SQUARES, WRAPPING_ENTRIES)
ROW(log_sum, REDUCE_SUM, WIDE_ENTRIES)
static const struct reduce_row log_sum_exp_row = {
    .run_float = log_sum_exp_by, .columns_float = log_sum_exp_columns_by, .loops = {WIDE_ENTRIES(log_sum_exp)}};
EXTREME_ROW(max, REDUCE_LARGEST)
EXTREME_ROW(min, REDUCE_SMALLEST)

#define TYPES_OLD (TYPES_REAL | TYPES_WIDE)
#define TYPES_13 (TYPES_OLD | TYPE(DTYPE_BFLOAT16))
#define BYTES (TYPE(DTYPE_INT8) | TYPE(DTYPE_UINT8))

#define REDUCE(NAME, SINCE, UNTIL, TYPES, PARSE, INPUTS, ROW)                                                  \
    {                                                                                                          \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL, .inputs = INPUTS,                          \
        .outputs = (const struct op_arg[]){{"reduced", TYPES, ARG_T}, {0}},                                    \
        .params_size = sizeof(struct reduce_params), .parse = PARSE, .infer = reduce_infer, .run = reduce_run, \
        .facts = &reduce_facts, .row = &(ROW)                                                                  \
    }
#define DATA(TYPES) ((const struct op_arg[]){{"data", TYPES, ARG_T}, {0}})
#define DATA_AND_AXES(TYPES) \
    ((const struct op_arg[]){{"data", TYPES, ARG_T}, {"axes", TYPE(DTYPE_INT64), ARG_OPTIONAL}, {0}})
/* Axes as an attribute, then as an input. */
#define BY_ATTRIBUTE(NAME, SINCE, UNTIL, TYPES, ROW) \
    REDUCE(NAME, SINCE, UNTIL, TYPES, reduce_attribute_parse, DATA(TYPES), ROW)
#define BY_INPUT(NAME, SINCE, UNTIL, TYPES, ROW) \
    REDUCE(NAME, SINCE, UNTIL, TYPES, reduce_input_parse, DATA_AND_AXES(TYPES), ROW)

#define USUAL(NAME, ROW)                                                                  \
    BY_ATTRIBUTE(NAME, 1, 12, TYPES_OLD, ROW), BY_ATTRIBUTE(NAME, 13, 17, TYPES_13, ROW), \
        BY_INPUT(NAME, 18, 0, TYPES_13, ROW)
#define EXTREME(NAME, ROW)                                                                                \
    BY_ATTRIBUTE(NAME, 1, 11, TYPES_OLD, ROW), BY_ATTRIBUTE(NAME, 12, 12, TYPES_OLD | BYTES, ROW),        \
        BY_ATTRIBUTE(NAME, 13, 17, TYPES_13 | BYTES, ROW), BY_INPUT(NAME, 18, 19, TYPES_13 | BYTES, ROW), \
        BY_INPUT(NAME, 20, 0, TYPES_13 | BYTES | TYPES_BOOL, ROW)

const struct op ops_reduce[] = {
    BY_ATTRIBUTE("ReduceSum", 1, 12, TYPES_OLD, sum_row),
    BY_INPUT("ReduceSum", 13, 0, TYPES_13, sum_row),
    USUAL("ReduceMean", mean_row),
    USUAL("ReduceProd", prod_row),
    USUAL("ReduceL1", l1_row),
    USUAL("ReduceL2", l2_row),
    USUAL("ReduceSumSquare", sum_square_row),
    USUAL("ReduceLogSum", log_sum_row),
    USUAL("ReduceLogSumExp", log_sum_exp_row),
    EXTREME("ReduceMax", max_row),
    EXTREME("ReduceMin", min_row),
    {0},
};
