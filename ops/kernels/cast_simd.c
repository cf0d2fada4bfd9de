/* Conversions of element types: the contracts are in cast.h. */
#include "ops/kernels/cast.h"
#include "ops/kernels/simd_loop.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

#define PARTS 4
#define CHUNK (PARTS * VEC)

typedef int32_t vec_ints __attribute__((vector_size(VEC * sizeof(int32_t))));

/* What the processor's instruction gives, where it has one. */
static inline __attribute__((always_inline)) vec_ints ints_of(vec x) {
#if KERNEL_LEVEL == 2
    return (vec_ints)_mm512_cvttps_epi32(x);
#elif KERNEL_LEVEL == 1
    return (vec_ints)_mm256_cvttps_epi32(x);
#elif defined(__SSE2__)
    return (vec_ints)_mm_cvttps_epi32(x);
#else
    vec_ints ints;
    for (int i = 0; i < VEC; i++)
        ints[i] = x[i] >= -2147483648.0f && x[i] < 2147483648.0f ? (int32_t)x[i] : INT32_MIN;
    return ints;
#endif
}

/* Chunks, and then the rest in one that is filled up with zeros. */
#define FLOATS_LOOP(NAME, T, INTS)                                                             \
    static inline __attribute__((always_inline)) void NAME##_chunk(const float *from, T *to) { \
        int32_t ints[CHUNK];                                                                   \
        for (int p = 0; p < PARTS; p++) {                                                      \
            const vec x = vec_load(from + p * VEC);                                            \
            const vec_ints y = INTS;                                                           \
            memcpy(ints + p * VEC, &y, sizeof y);                                              \
        }                                                                                      \
        SIMD for (int j = 0; j < CHUNK; j++) to[j] = (T)ints[j];                               \
    }                                                                                          \
    static void NAME(const void *in, void *out, size_t count) {                                \
        const float *from = in;                                                                \
        T *to = out, results[CHUNK];                                                           \
        float last[CHUNK] = {0};                                                               \
        for (; count >= CHUNK; count -= CHUNK, from += CHUNK, to += CHUNK)                     \
            NAME##_chunk(from, to);                                                            \
        if (count > 0) {                                                                       \
            memcpy(last, from, count * sizeof *from);                                          \
            NAME##_chunk(last, results);                                                       \
            memcpy(to, results, count * sizeof *to);                                           \
        }                                                                                      \
    }
FLOATS_LOOP(float_to_int32, int32_t, ints_of(x))
FLOATS_LOOP(float_to_byte, uint8_t, ints_of(x))
FLOATS_LOOP(float_to_bool, uint8_t, (vec_ints)(x != (vec){0}) & 1)

static void int64_to_double(const void *in, void *out, size_t count) {
    SIMD for (size_t i = 0; i < count; i++)((double *)out)[i] = (double)((const int64_t *)in)[i];
}

static void bool_to_float(const void *in, void *out, size_t count) {
    SIMD for (size_t i = 0; i < count; i++)((float *)out)[i] = ((const uint8_t *)in)[i] ? 1.0f : 0.0f;
}

const struct cast_kernel LEVEL_NAME(cast_kernel) = {float_to_int32, float_to_byte, float_to_bool, int64_to_double,
                                                    bool_to_float};
