#include "ops/movement/scatter_apply.h"

#include "base/convert.h"
#include "base/simd.h"
#include "ops/core/type_rows.h"

/* x is what is there, y the update. */
#define APPLY(T, NAME, EXPRESSION)                                                           \
    static void at_##NAME(void *to, const int64_t *places, const void *from, size_t count) { \
        for (size_t i = 0; i < count; i++) {                                                 \
            T *const target = (T *)to + places[i];                                           \
            const T x = *target, y = ((const T *)from)[i];                                   \
            (void)x;                                                                         \
            *target = (EXPRESSION);                                                          \
        }                                                                                    \
    }                                                                                        \
    static void run_##NAME(void *to, const void *from, size_t count) {                       \
        SIMD for (size_t i = 0; i < count; i++) {                                            \
            const T x = ((T *)to)[i], y = ((const T *)from)[i];                              \
            (void)x;                                                                         \
            ((T *)to)[i] = (EXPRESSION);                                                     \
        }                                                                                    \
    }                                                                                        \
    static const struct scatter_apply NAME = {at_##NAME, run_##NAME};

/* Replacing needs to know the size alone. */
typedef struct {
    uint64_t halves[2];
} pair;
APPLY(uint8_t, none_1, y)
APPLY(uint16_t, none_2, y)
APPLY(uint32_t, none_4, y)
APPLY(uint64_t, none_8, y)
APPLY(pair, none_16, y)

#define MOST(T, DTYPE)                                  \
    APPLY(T, DTYPE##_max, ((x > y) | (x != x)) ? x : y) \
    APPLY(T, DTYPE##_min, ((x < y) | (x != x)) ? x : y)
#define REAL(T, DTYPE)           \
    APPLY(T, DTYPE##_add, x + y) \
    APPLY(T, DTYPE##_mul, x *y)  \
    MOST(T, DTYPE)
#define INTEGER(T, DTYPE)                                 \
    APPLY(T, DTYPE##_add, (T)((uint64_t)x + (uint64_t)y)) \
    APPLY(T, DTYPE##_mul, (T)((uint64_t)x * (uint64_t)y)) \
    MOST(T, DTYPE)
ROWS_REAL(REAL)
ROWS_INTEGER(INTEGER)
APPLY(uint8_t, BOOL_or, (x | y) != 0)
APPLY(uint8_t, BOOL_and, (x != 0) & (y != 0))

static inline float wide(enum dtype dtype, uint16_t half) {
    float x;
    half_to_float(dtype, &half, &x, 1);
    return x;
}

static inline uint16_t narrow(enum dtype dtype, float x) {
    uint16_t half;
    half_from_float(dtype, &x, &half, 1);
    return half;
}

#define X(DTYPE) wide(DTYPE_##DTYPE, x)
#define Y(DTYPE) wide(DTYPE_##DTYPE, y)
#define HALF(DTYPE)                                                                   \
    APPLY(uint16_t, DTYPE##_add, narrow(DTYPE_##DTYPE, X(DTYPE) + Y(DTYPE)))          \
    APPLY(uint16_t, DTYPE##_mul, narrow(DTYPE_##DTYPE, X(DTYPE) * Y(DTYPE)))          \
    APPLY(uint16_t, DTYPE##_max, X(DTYPE) > Y(DTYPE) || X(DTYPE) != X(DTYPE) ? x : y) \
    APPLY(uint16_t, DTYPE##_min, X(DTYPE) < Y(DTYPE) || X(DTYPE) != X(DTYPE) ? x : y)
HALF(FLOAT16)
HALF(BFLOAT16)

#define ENTRY(DTYPE)                                 \
    [DTYPE_##DTYPE] = {[SCATTER_ADD] = &DTYPE##_add, \
                       [SCATTER_MUL] = &DTYPE##_mul, \
                       [SCATTER_MAX] = &DTYPE##_max, \
                       [SCATTER_MIN] = &DTYPE##_min},
#define NUMBER_ENTRY(T, DTYPE) ENTRY(DTYPE)
static const struct scatter_apply *const reductions[DTYPE_COUNT][SCATTER_COUNT] = {
    ROWS_NUMBER(NUMBER_ENTRY) ENTRY(FLOAT16) ENTRY(BFLOAT16)[DTYPE_BOOL] = {
        [SCATTER_ADD] = &BOOL_or, [SCATTER_MUL] = &BOOL_and, [SCATTER_MAX] = &BOOL_or, [SCATTER_MIN] = &BOOL_and}};

const struct scatter_apply *scatter_apply(enum dtype dtype, enum scatter_reduction reduction) {
    static const struct scatter_apply *const by_size[] = {
        [1] = &none_1, [2] = &none_2, [4] = &none_4, [8] = &none_8, [16] = &none_16};
    return reduction == SCATTER_NONE ? by_size[dtype_size(dtype)] : reductions[dtype][reduction];
}
