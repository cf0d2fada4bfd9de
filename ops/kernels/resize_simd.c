/*
 * Lines and rows of Resize. Where a picture grows, a vector of outputs meets no more inputs than a vector has lanes:
 * each tap is one load, and a permutation that is the same for all taps.
 */
#include "ops/kernels/resize.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec.h"

typedef int32_t vec_ints __attribute__((vector_size(VEC * sizeof(int32_t))));

static inline vec_ints ints_load(const int32_t *p) {
    vec_ints v;
    memcpy(&v, p, sizeof v);
    return v;
}

#define INLINE static inline __attribute__((always_inline))

/* x[lane] by lane. */
INLINE vec permute(vec x, vec_ints lanes) {
#if KERNEL_LEVEL == 2
    return _mm512_permutexvar_ps((__m512i)lanes, x);
#elif KERNEL_LEVEL == 1
    return _mm256_permutevar8x32_ps(x, (__m256i)lanes);
#elif defined(__clang__)
    const vec y = {x[lanes[0] & 3], x[lanes[1] & 3], x[lanes[2] & 3], x[lanes[3] & 3]};
    return y;
#else
    return __builtin_shuffle(x, lanes);
#endif
}

INLINE float multiply_add(float a, float b, float c) {
#if KERNEL_LEVEL > 0
    return __builtin_fmaf(a, b, c);
#else
    return a * b + c;
#endif
}

/* Where the inputs of the outputs first[0..VEC-1] begin, when a vector covers them all; else -1. */
INLINE int64_t window_of(const struct resize_line *line, int64_t o, const int taps) {
    const int64_t last_start = line->in - VEC - (taps - 1), low = line->first[o];
    const int64_t start = low < last_start ? low : last_start;
    return start >= 0 && line->first[o + VEC - 1] - start < VEC ? start : -1;
}

/* inner is 1. Inlined with a constant `taps`, or with line->taps. */
INLINE void line_of(const struct resize_line *line, const int taps, const bool weighted) {
    const float *x = line->x, *weights = line->weights;
    float *y = line->y;
    int64_t o = 0;
    for (; o + VEC <= line->out; o += VEC) {
        const int64_t start = line->ascends ? window_of(line, o, taps) : -1;
        if (start >= 0) {
            const vec_ints lanes = ints_load(line->first + o) - (int32_t)start;
            vec sum = permute(vec_load(x + start), lanes);
            if (weighted)
                sum = sum * vec_load(weights + o);
            for (int t = 1; t < taps; t++)
                sum = vec_fma(permute(vec_load(x + start + t), lanes), vec_load(weights + t * line->out + o), sum);
            vec_store(y + o, sum);
            continue;
        }
        for (int64_t i = o; i < o + VEC; i++) {
            const float *from = x + line->first[i];
            float sum = weighted ? from[0] * weights[i] : from[0];
            for (int t = 1; t < taps; t++)
                sum = multiply_add(from[t], weights[t * line->out + i], sum);
            y[i] = sum;
        }
    }
    for (; o < line->out; o++) {
        const float *from = x + line->first[o];
        float sum = weighted ? from[0] * weights[o] : from[0];
        for (int t = 1; t < taps; t++)
            sum = multiply_add(from[t], weights[t * line->out + o], sum);
        y[o] = sum;
    }
}

/* One pixel of `inner` numbers. */
INLINE void pixel_of(const float *x, int64_t inner, const float *weights, int64_t stride, const int taps, float *y) {
    int64_t i = 0;
    for (; i + VEC <= inner; i += VEC) {
        vec sum = vec_load(x + i) * vec_all(weights[0]);
        for (int t = 1; t < taps; t++)
            sum = vec_fma(vec_load(x + t * inner + i), vec_all(weights[t * stride]), sum);
        vec_store(y + i, sum);
    }
    for (; i < inner; i++) {
        float sum = x[i] * weights[0];
        for (int t = 1; t < taps; t++)
            sum = multiply_add(x[t * inner + i], weights[t * stride], sum);
        y[i] = sum;
    }
}

INLINE void pixels_of(const struct resize_line *line, const int64_t inner, const int taps) {
    const float *x = line->x, *weights = line->weights;
    float *y = line->y;
    for (int64_t o = 0; o < line->out; o++)
        pixel_of(x + line->first[o] * inner, inner, weights + o, line->out, taps, y + o * inner);
}

INLINE void any_line(const struct resize_line *line, const int taps) {
    if (line->inner == 1)
        line_of(line, taps, true);
    else if (line->inner == CHANNEL_BLOCK)
        pixels_of(line, CHANNEL_BLOCK, taps);
    else
        pixels_of(line, line->inner, taps);
}

static void line_taps(const struct resize_line *line) {
    switch (line->taps) {
    case 2:
        any_line(line, 2);
        break;
    case 4:
        any_line(line, 4);
        break;
    default:
        any_line(line, line->taps);
        break;
    }
}

INLINE void blend_of(const struct resize_blend *blend, const int taps) {
    const float *const weights = blend->weights;
    const void *const *rows = blend->rows;
    float *y = blend->y;
    int64_t i = 0;
    for (; i + VEC <= blend->count; i += VEC) {
        vec sum = vec_load((const float *)rows[0] + i) * vec_all(weights[0]);
        for (int t = 1; t < taps; t++)
            sum = vec_fma(vec_load((const float *)rows[t] + i), vec_all(weights[t]), sum);
        vec_store(y + i, sum);
    }
    for (; i < blend->count; i++) {
        float sum = ((const float *)rows[0])[i] * weights[0];
        for (int t = 1; t < taps; t++)
            sum = multiply_add(((const float *)rows[t])[i], weights[t], sum);
        y[i] = sum;
    }
}

static void blend_taps(const struct resize_blend *blend) {
    switch (blend->taps) {
    case 2:
        blend_of(blend, 2);
        break;
    case 4:
        blend_of(blend, 4);
        break;
    default:
        blend_of(blend, blend->taps);
        break;
    }
}

static void pick(const struct resize_line *line) {
    line_of(line, 1, false);
}

const struct resize_kernel LEVEL_NAME(resize_kernel) = {line_taps, blend_taps, pick};
