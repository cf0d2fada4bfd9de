/* Conversions between the 16-bit floating-point types and float, round to nearest even. */
#ifndef LIMNER_BASE_CONVERT_H
#define LIMNER_BASE_CONVERT_H

#include "base/tensor.h"

#if defined(__SSE2__) && defined(__x86_64__)
#include <emmintrin.h>
#endif

/* Elements that fit the buffers in which loops work on 16-bit types as float. */
#define CONVERT_CHUNK 256

static inline bool dtype_is_half(enum dtype dtype) {
    return dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16;
}

/*
 * Toward zero. The specification leaves open what becomes of NaN and of what is out of range; these give what the
 * processor's own conversion instructions of x86 give: the smallest integer.
 */
static inline int64_t real_to_int64(double x) {
#if defined(__SSE2__) && defined(__x86_64__)
    return _mm_cvttsd_si64(_mm_set_sd(x));
#else
    return x >= -9223372036854775808.0 && x < 9223372036854775808.0 ? (int64_t)x : INT64_MIN;
#endif
}
static inline int32_t real_to_int32(double x) {
    return x > -2147483649.0 && x < 2147483648.0 ? (int32_t)x : INT32_MIN;
}
/* Negative numbers wrap; 2^64 and more give 0. */
static inline uint64_t real_to_uint64(double x) {
    if (x >= 9223372036854775808.0)
        return x < 18446744073709551616.0 ? (uint64_t)x : 0;
    return (uint64_t)real_to_int64(x);
}

/* dtype: FLOAT16 or BFLOAT16. Exact. */
void half_to_float(enum dtype dtype, const uint16_t *in, float *out, size_t count);
/* What is too large becomes infinity; NaN stays a NaN. */
void half_from_float(enum dtype dtype, const float *in, uint16_t *out, size_t count);
/* As half_from_float, rounding once. */
void half_from_double(enum dtype dtype, const double *in, uint16_t *out, size_t count);

#endif
