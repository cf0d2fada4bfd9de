/* One vector register of floats of the instruction set KERNEL_LEVEL, chosen at compile time. */
#ifndef LIMNER_OPS_KERNELS_VEC_H
#define LIMNER_OPS_KERNELS_VEC_H

#include "ops/kernels/kernels.h"

#include <string.h>

#if KERNEL_LEVEL == 2
#include <immintrin.h>
#define VEC 16
typedef __m512 vec;
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}
#elif KERNEL_LEVEL == 1
#include <immintrin.h>
#define VEC 8
typedef __m256 vec;
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}
#else
#define VEC 4
typedef float vec __attribute__((vector_size(16)));
static inline vec vec_fma(vec a, vec b, vec c) {
    return a * b + c;
}
#endif

/* Half a register of floats, and as many doubles in a whole one. */
typedef float half_vec __attribute__((vector_size(VEC * 2)));
typedef double double_vec __attribute__((vector_size(VEC * 4)));
#define DOUBLES (VEC / 2)

/* An instruction of its own: the compiler would make two halves of a general conversion. */
static inline double_vec doubles_from_floats(const float *p) {
#if KERNEL_LEVEL == 2
    return (double_vec)_mm512_cvtps_pd(_mm256_loadu_ps(p));
#elif KERNEL_LEVEL == 1
    return (double_vec)_mm256_cvtps_pd(_mm_loadu_ps(p));
#else
    half_vec v;
    memcpy(&v, p, sizeof v);
    return __builtin_convertvector(v, double_vec);
#endif
}

static inline double_vec doubles_fma(double_vec a, double_vec b, double_vec c) {
#if KERNEL_LEVEL == 2
    return (double_vec)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif KERNEL_LEVEL == 1
    return (double_vec)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

/* The lower and the upper half of a vector as doubles, and back, rounded. */
static inline double_vec doubles_of_half(vec x, const int upper) {
#if KERNEL_LEVEL == 2
    return (double_vec)_mm512_cvtps_pd(upper ? _mm512_extractf32x8_ps(x, 1) : _mm512_castps512_ps256(x));
#elif KERNEL_LEVEL == 1
    return (double_vec)_mm256_cvtps_pd(upper ? _mm256_extractf128_ps(x, 1) : _mm256_castps256_ps128(x));
#else
    return upper ? (double_vec){x[2], x[3]} : (double_vec){x[0], x[1]};
#endif
}

static inline vec floats_from_doubles(double_vec low, double_vec high) {
#if KERNEL_LEVEL == 2
    const __m512 half = _mm512_castps256_ps512(_mm512_cvtpd_ps((__m512d)low));
    return _mm512_insertf32x8(half, _mm512_cvtpd_ps((__m512d)high), 1);
#elif KERNEL_LEVEL == 1
    return _mm256_set_m128(_mm256_cvtpd_ps((__m256d)high), _mm256_cvtpd_ps((__m256d)low));
#else
    return (vec){(float)low[0], (float)low[1], (float)high[0], (float)high[1]};
#endif
}

/* Floats need not be aligned. */
static inline vec vec_load(const void *p) {
    vec v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Keeps x in a register: the compiler would read memory again for every use, and unaligned reads cost twice. */
static inline vec vec_held(vec x) {
#if KERNEL_LEVEL == 2
    __asm__("" : "+v"(x));
#elif defined(__SSE__)
    __asm__("" : "+x"(x));
#endif
    return x;
}

/*
 * Makes the compiler compute an address here: it would compute all of them before a loop and keep them in vector
 * registers, from which they come back only behind the products that wait there.
 */
static inline float *computed_here(float *p) {
    __asm__ volatile("" : "+r"(p));
    return p;
}

/* The same for what is read: addresses of neighbours then need no register of their own. */
static inline const float *address_here(const float *p) {
    __asm__ volatile("" : "+r"(p));
    return p;
}

static inline void vec_store(float *p, vec v) {
    memcpy(p, &v, sizeof v);
}

/* The first `count` < VEC numbers, the others as they are in `filling`; and writing them alone. */
static inline vec vec_load_some(const float *x, size_t count, vec filling) {
#if KERNEL_LEVEL == 2
    return _mm512_mask_loadu_ps(filling, (__mmask16)((1u << count) - 1), x);
#else
    memcpy(&filling, x, count * sizeof *x);
    return filling;
#endif
}

static inline void vec_store_some(float *y, size_t count, vec v) {
#if KERNEL_LEVEL == 2
    _mm512_mask_storeu_ps(y, (__mmask16)((1u << count) - 1), v);
#else
    memcpy(y, &v, count * sizeof *y);
#endif
}

static inline vec vec_all(float x) {
    return x - (vec){0};
}

/* ---- selection and bits ---- */

/* The bits of a vec, lane by lane; a cast goes from one to the other. */
typedef uint32_t vec_bits __attribute__((vector_size(VEC * sizeof(uint32_t))));

static inline vec_bits vec_bits_all(uint32_t x) {
    return x - (vec_bits){0};
}

/* a < b ? x : y; y where a or b is NaN. */
#if KERNEL_LEVEL == 2
static inline vec vec_if_less(vec a, vec b, vec x, vec y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
#elif KERNEL_LEVEL == 1
static inline vec vec_if_less(vec a, vec b, vec x, vec y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
#else
static inline vec vec_if_less(vec a, vec b, vec x, vec y) {
    const vec_bits is_less = (vec_bits)(a < b);
    return (vec)((is_less & (vec_bits)x) | (~is_less & (vec_bits)y));
}
#endif

/* The smaller and the larger; b where one is NaN. The processor's own instruction, where there is one, takes denormal
   numbers as zero when they are flushed. */
#if KERNEL_LEVEL == 2
#define VEC_OWN(NAME) _mm512_##NAME##_ps(a, b)
#elif KERNEL_LEVEL == 1
#define VEC_OWN(NAME) _mm256_##NAME##_ps(a, b)
#elif defined(__SSE__)
#include <xmmintrin.h>
#define VEC_OWN(NAME) _mm_##NAME##_ps(a, b)
#endif
static inline vec vec_min(vec a, vec b) {
#ifdef VEC_OWN
    return VEC_OWN(min);
#else
    return vec_if_less(a, b, a, b);
#endif
}
static inline vec vec_max(vec a, vec b) {
#ifdef VEC_OWN
    return VEC_OWN(max);
#else
    return vec_if_less(b, a, a, b);
#endif
}

/* The larger one, or the one that is not a number. */
static inline vec vec_larger(vec a, vec b) {
#if KERNEL_LEVEL == 2
    return _mm512_mask_mov_ps(vec_max(a, b), _mm512_cmp_ps_mask(a, a, _CMP_UNORD_Q), a);
#elif KERNEL_LEVEL == 1
    return _mm256_blendv_ps(vec_max(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
#else
    const vec_bits known = (vec_bits)(a == a), more = (vec_bits)vec_max(a, b);
    return (vec)((known & more) | (~known & (vec_bits)a));
#endif
}

static inline vec vec_abs(vec x) {
    return (vec)((vec_bits)x & vec_bits_all(0x7fffffffu));
}

static inline vec vec_sqrt(vec x) {
#if KERNEL_LEVEL == 2
    return _mm512_sqrt_ps(x);
#elif KERNEL_LEVEL == 1
    return _mm256_sqrt_ps(x);
#elif defined(__SSE__)
    return _mm_sqrt_ps(x);
#else
    return (vec){__builtin_sqrtf(x[0]), __builtin_sqrtf(x[1]), __builtin_sqrtf(x[2]), __builtin_sqrtf(x[3])};
#endif
}

/* |magnitude| with the sign of `sign`. */
static inline vec vec_copysign(vec magnitude, vec sign) {
    return (vec)(((vec_bits)magnitude & vec_bits_all(0x7fffffffu)) | ((vec_bits)sign & vec_bits_all(0x80000000u)));
}

/* 1.5 * 2^23: adding it leaves no fraction, and the low bits of the sum are the integer. */
#define VEC_ROUND 12582912.0f

/* The integer nearest to x, for |x| < 2^22. */
static inline vec vec_round(vec x) {
    return (x + vec_all(VEC_ROUND)) - vec_all(VEC_ROUND);
}

/* 2^n, for integers n in -126..127. */
static inline vec vec_power(vec n) {
    return (vec)((vec_bits)(n + vec_all(VEC_ROUND + 127.0f)) << 23);
}

/* x 2^n with one rounding, for integers n in -252..254 and 2^-126 <= |x| 2^(n/2). */
#if KERNEL_LEVEL == 2
static inline vec vec_scale(vec x, vec n) {
    return _mm512_scalef_ps(x, n);
}
#else
static inline vec vec_scale(vec x, vec n) {
    const vec half = vec_round(n * vec_all(0.5f));
    return x * vec_power(half) * vec_power(n - half);
}
#endif

#endif
