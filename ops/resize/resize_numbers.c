#include "ops/resize/resize_numbers.h"

#include "base/simd.h"
#include "ops/kernels/families.h"
#include "ops/kernels/resize.h"

#include <math.h>

/* T is computed in A; LEAST and BEYOND: its smallest number, and the power of two above its largest one. NaN: 0. */
#define NUMBERS(NAME, T, A, LEAST, BEYOND, MOST)                                                    \
    static void load_##NAME(const void *from, void *to, int64_t count) {                            \
        const T *x = from;                                                                          \
        A *y = to;                                                                                  \
        SIMD for (int64_t i = 0; i < count; i++) y[i] = (A)x[i];                                    \
    }                                                                                               \
    static void store_##NAME(const void *from, void *to, int64_t count) {                           \
        const A *x = from;                                                                          \
        T *y = to;                                                                                  \
        for (int64_t i = 0; i < count; i++) {                                                       \
            const A v = (A)rint((double)x[i]);                                                      \
            y[i] = v != v ? 0 : v <= (A)(LEAST) ? (T)(LEAST) : v >= (A)(BEYOND) ? (T)(MOST) : (T)v; \
        }                                                                                           \
    }                                                                                               \
    static const struct resize_numbers NAME = {sizeof(A), false, load_##NAME, store_##NAME};
NUMBERS(numbers_int8, int8_t, float, INT8_MIN, 0x1p7, INT8_MAX)
NUMBERS(numbers_uint8, uint8_t, float, 0, 0x1p8, UINT8_MAX)
NUMBERS(numbers_int16, int16_t, double, INT16_MIN, 0x1p15, INT16_MAX)
NUMBERS(numbers_uint16, uint16_t, double, 0, 0x1p16, UINT16_MAX)
NUMBERS(numbers_int32, int32_t, double, INT32_MIN, 0x1p31, INT32_MAX)
NUMBERS(numbers_uint32, uint32_t, double, 0, 0x1p32, UINT32_MAX)
NUMBERS(numbers_int64, int64_t, double, INT64_MIN, 0x1p63, INT64_MAX)
NUMBERS(numbers_uint64, uint64_t, double, 0, 0x1p64, UINT64_MAX)
static const struct resize_numbers numbers_float = {.size = sizeof(float), .same = true};
static const struct resize_numbers numbers_double = {.size = sizeof(double), .same = true};

const struct resize_numbers *resize_numbers_of(enum dtype dtype) {
    static const struct resize_numbers *const table[DTYPE_COUNT] = {
        [DTYPE_FLOAT] = &numbers_float,   [DTYPE_DOUBLE] = &numbers_double, [DTYPE_INT8] = &numbers_int8,
        [DTYPE_UINT8] = &numbers_uint8,   [DTYPE_INT16] = &numbers_int16,   [DTYPE_UINT16] = &numbers_uint16,
        [DTYPE_INT32] = &numbers_int32,   [DTYPE_UINT32] = &numbers_uint32, [DTYPE_INT64] = &numbers_int64,
        [DTYPE_UINT64] = &numbers_uint64,
    };
    return (size_t)dtype < DTYPE_COUNT ? table[dtype] : NULL;
}

static void line_double(const struct resize_line *line) {
    const double *x = line->x, *weights = line->weights;
    double *y = line->y;
    const int64_t inner = line->inner;
    for (int64_t o = 0; o < line->out; o++) {
        const double *from = x + line->first[o] * inner;
        double *to = y + o * inner;
        SIMD for (int64_t i = 0; i < inner; i++) to[i] = from[i] * weights[o];
        for (int t = 1; t < line->taps; t++) {
            const double weight = weights[t * line->out + o], *tap = from + t * inner;
            SIMD for (int64_t i = 0; i < inner; i++) to[i] += tap[i] * weight;
        }
    }
}

static void blend_double(const struct resize_blend *blend) {
    const double *weights = blend->weights;
    double *y = blend->y;
    for (int t = 0; t < blend->taps; t++) {
        const double weight = weights[t], *row = blend->rows[t];
        if (t == 0) {
            SIMD for (int64_t i = 0; i < blend->count; i++) y[i] = row[i] * weight;
        } else {
            SIMD for (int64_t i = 0; i < blend->count; i++) y[i] += row[i] * weight;
        }
    }
}

static const struct resize_kernel doubles = {.line = line_double, .blend = blend_double};

const struct resize_kernel *resize_loops(const struct kernels *kernels, const struct resize_numbers *numbers) {
    return numbers->size == sizeof(float) ? resize_kernel_of(kernels) : &doubles;
}
