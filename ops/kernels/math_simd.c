/*
 * Exponentials, logarithms, sines and what is made of them. Polynomials are minimax fits of the relative error, made
 * for this file.
 */
#include "ops/kernels/math.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec_exp.h"
#include "ops/kernels/vec_log.h"

#include <math.h>

INLINE vec negative(vec x) {
    return (vec)((vec_bits)x ^ vec_bits_all(0x80000000u));
}

/* e^x - 1 without loss near 0, for |x| < 87. */
INLINE vec expm1_all(vec x) {
    vec r;
    const vec scale = vec_power(exp_split(x, &r)), rest = vec_fma(r * r, POLYNOMIAL(r, EXP_TAIL), r);
    return vec_fma(scale, rest, scale - vec_all(1.0f));
}

INLINE vec sigmoid(vec x) {
    const vec one = vec_all(1.0f), e = exp_all(negative(vec_abs(x)));
    return vec_if_less(x, vec_all(0.0f), e, one) / (one + e);
}

INLINE vec tanh_all(vec x) {
    const vec e = expm1_all(vec_min(vec_all(20.0f), vec_abs(x + x))); /* beyond 10 the result is 1 */
    return vec_copysign(e / (e + vec_all(2.0f)), x);
}

/* 1 - erf(a) = e^-q(a); it vanishes beside 1 before a = 4. */
INLINE vec erf_all(vec x) {
    const vec a = vec_min(vec_all(4.0f), vec_abs(x));
    const vec tail =
        POLYNOMIAL(a, 1.283791661e-01f, 6.366195679e-01f, 1.027763039e-01f, -1.914782450e-02f, -1.694946113e-04f,
                   1.675658626e-03f, -6.373485667e-04f, 1.188555980e-04f, -9.387134924e-06f);
    return vec_copysign(expm1_all(negative(a + a * tail)), x);
}

/* log(1 + e^x) without overflow. */
INLINE vec softplus(vec x) {
    const vec e = exp_all(negative(vec_abs(x)));
    return (e - log1p_tail(e)) + vec_max(vec_all(0.0f), x);
}

/* x tanh(log(1 + e)) = x w / (w + 2), w = (1 + e)^2 - 1. */
INLINE vec mish(vec x) {
    const vec e = exp_all(vec_min(vec_all(40.0f), x));
    const vec w = e * (e + vec_all(2.0f));
    return x * (w / (w + vec_all(2.0f)));
}

/* x/2 (1 + tanh(u)) = x sigmoid(2u), u = sqrt(2 / pi) (x + 0.044715 x^3) */
INLINE vec gelu_by_tanh(vec x) {
    return x * sigmoid(vec_all(1.59576912f) * (x + vec_all(0.044715f) * x * x * x));
}

/* alpha of any sign, and 0: then the result is 0. */
INLINE vec celu(vec x, vec alpha) {
    const vec limit = vec_all(80.0f), u = x / alpha;
    const vec usual = expm1_all(vec_max(vec_all(-30.0f), vec_min(limit, u)));
    const vec below = alpha * vec_if_less(limit, u, exp_all(u), usual);
    return vec_if_less(x, vec_all(0.0f), below, x);
}

/* Below 2^23 numbers have a fraction. */
INLINE vec nearest(vec x) {
#if KERNEL_LEVEL == 2
    return _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif KERNEL_LEVEL == 1
    return _mm256_round_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    const vec most = vec_all(8388608.0f), a = vec_abs(x);
    return vec_copysign(vec_if_less(a, most, (a + most) - most, a), x);
#endif
}

/* ---- angles ---- */

#define HALF_PI_HIGH 1.57079637f
#define HALF_PI_LOW -4.37113883e-8f

/* x for small angles: what sine and cosine are made of by vectors; the rest is left to the C library. */
#define LARGEST_ANGLE 131072.0f
#define ANGLES 512 /* looked at together */

/* x - n pi/2, half a vector: the product with the first 33 bits of pi/2 is exact for n < 2^20. */
INLINE double_vec less_quarters(vec x, vec n, const int upper) {
    const double_vec turns = doubles_of_half(n, upper);
    return (doubles_of_half(x, upper) - turns * 0x1.921fb544p+0) - turns * 0x1.0b4611a626331p-34;
}

/* sin(|x| + quarters pi/2), |x| <= LARGEST_ANGLE. */
INLINE vec sine(vec x, uint32_t quarters) {
    const vec a = vec_abs(x), shifted = vec_fma(a, vec_all(0.636619772f), vec_all(VEC_ROUND));
    const vec n = shifted - vec_all(VEC_ROUND);
    const vec r = floats_from_doubles(less_quarters(a, n, 0), less_quarters(a, n, 1)), z = r * r;
    const vec s = vec_fma(r * z, POLYNOMIAL(z, -1.666665375e-01f, 8.332099766e-03f, -1.950650330e-04f), r);
    const vec c = vec_fma(z * z, POLYNOMIAL(z, 4.166664183e-02f, -1.388713019e-03f, 2.441208562e-05f),
                          vec_fma(z, vec_all(-0.5f), vec_all(1.0f)));
    const vec_bits turn = (vec_bits)shifted + vec_bits_all(quarters), odd = -(turn & vec_bits_all(1));
    return (vec)(((odd & (vec_bits)c) | (~odd & (vec_bits)s)) ^ (turn << 30 & vec_bits_all(0x80000000u)));
}

INLINE vec sine_signed(vec x) {
    return (vec)((vec_bits)sine(x, 0) ^ ((vec_bits)x & vec_bits_all(0x80000000u)));
}

/* asin(s) for a = |x| <= 1/2: then s = a. Else s = sqrt((1 - a)/2), and asin(a) = pi/2 - 2 asin(s). */
INLINE vec asin_small(vec a) {
    const vec half = vec_all(0.5f), rest = (vec_all(1.0f) - a) * half;
    const vec z = vec_if_less(half, a, rest, a * a), s = vec_if_less(half, a, vec_sqrt(rest), a);
    return vec_fma(
        s * z, POLYNOMIAL(z, 1.666675210e-01f, 7.495309412e-02f, 4.546914995e-02f, 2.418477833e-02f, 4.215830564e-02f),
        s);
}

INLINE vec asin_all(vec x) {
    const vec a = vec_abs(x), part = asin_small(a);
    const vec large = (vec_all(HALF_PI_HIGH) - (part + part)) + vec_all(HALF_PI_LOW);
    return vec_copysign(vec_if_less(vec_all(0.5f), a, large, part), x);
}

INLINE vec acos_all(vec x) {
    const vec a = vec_abs(x), part = asin_small(a), zero = vec_all(0.0f);
    const vec small = vec_all(HALF_PI_HIGH) - (vec_copysign(part, x) - vec_all(HALF_PI_LOW));
    const vec beyond = vec_all(HALF_PI_HIGH) - (part - vec_all(HALF_PI_LOW)); /* below -1/2: half of pi - 2 asin(s) */
    const vec half = vec_if_less(x, zero, beyond, part);
    return vec_if_less(vec_all(0.5f), a, half + half, small);
}

/* Beyond 1 it is pi/2 - atan(1/x). */
INLINE vec atan_all(vec x) {
    const vec a = vec_abs(x), one = vec_all(1.0f), t = vec_if_less(one, a, vec_all(-1.0f) / a, a), z = t * t;
    const vec part =
        vec_fma(t * z,
                POLYNOMIAL(z, -3.333329856e-01f, 1.999852955e-01f, -1.426401436e-01f, 1.095086113e-01f,
                           -8.399208635e-02f, 5.787891522e-02f, -3.109363094e-02f, 1.086636260e-02f, -1.782175968e-03f),
                t);
    const vec large = vec_all(HALF_PI_HIGH) + (part + vec_all(HALF_PI_LOW));
    return vec_copysign(vec_if_less(one, a, large, part), x);
}

/* ---- the functions ---- */

typedef vec body(vec x, vec alpha, vec beta);

/* count is a multiple of VEC. */
INLINE void map_whole(body *const function, const float *in, float *out, size_t count, float alpha, float beta) {
    const vec a = vec_all(alpha), b = vec_all(beta);
    for (size_t i = 0; i < count; i += VEC)
        vec_store(out + i, function(vec_load(in + i), a, b));
}

/* The rest goes through the same loop, padded. Once for all functions: it would be as large as they are. */
static __attribute__((noinline)) void map_any(math_map *whole, const float *in, float *out, size_t count, float alpha,
                                              float beta) {
    const size_t left = count % VEC, done = count - left;
    float rest[VEC] = {0};
    whole(in, out, done, alpha, beta);
    if (left == 0)
        return;
    memcpy(rest, in + done, left * sizeof *rest);
    whole(rest, rest, VEC, alpha, beta);
    memcpy(out + done, rest, left * sizeof *rest);
}

#define FUNCTION(NAME, EXPRESSION)                                                                 \
    INLINE vec NAME##_body(vec x, vec alpha, vec beta) {                                           \
        (void)alpha, (void)beta;                                                                   \
        return EXPRESSION;                                                                         \
    }                                                                                              \
    static void NAME##_whole(const float *in, float *out, size_t count, float alpha, float beta) { \
        map_whole(NAME##_body, in, out, count, alpha, beta);                                       \
    }                                                                                              \
    static void map_##NAME(const float *in, float *out, size_t count, float alpha, float beta) {   \
        map_any(NAME##_whole, in, out, count, alpha, beta);                                        \
    }

FUNCTION(relu, vec_max(vec_all(0.0f), x))
FUNCTION(leaky_relu, vec_if_less(x, vec_all(0.0f), x *alpha, x))
FUNCTION(clip, vec_min(beta, vec_max(alpha, x)))
FUNCTION(hard_sigmoid, vec_min(vec_all(1.0f), vec_max(vec_all(0.0f), x *alpha + beta)))
FUNCTION(exp, exp_all(x))
FUNCTION(log, log_all(x))
FUNCTION(tanh, tanh_all(x))
FUNCTION(sigmoid, sigmoid(x))
FUNCTION(swish, x *sigmoid(alpha *x))
FUNCTION(erf, erf_all(x))
FUNCTION(gelu, vec_all(0.5f) * x * (vec_all(1.0f) + erf_all(x * vec_all(0.707106781f))))
FUNCTION(gelu_tanh, gelu_by_tanh(x))
FUNCTION(elu, vec_if_less(x, vec_all(0.0f), alpha *expm1_all(vec_max(vec_all(-30.0f), x)), x))
FUNCTION(selu, beta *vec_if_less(x, vec_all(0.0f), alpha *expm1_all(vec_max(vec_all(-30.0f), x)), x))
FUNCTION(softplus, softplus(x))
FUNCTION(mish, mish(x))
FUNCTION(celu, celu(x, alpha))
FUNCTION(small_sin, sine_signed(x))
FUNCTION(small_cos, sine(x, 1))
FUNCTION(asin, asin_all(x))
FUNCTION(acos, acos_all(x))
FUNCTION(atan, atan_all(x))
FUNCTION(round, nearest(x))

/* A chunk with large angles, which are rare, is looked through once more. */
static __attribute__((noinline)) void map_angles(math_map *small, float (*library)(float), const float *in, float *out,
                                                 size_t count) {
    float chunk[ANGLES];
    for (size_t i = 0, n; i < count; i += n) {
        n = count - i < ANGLES ? count - i : ANGLES;
        float most = 0;
        for (size_t k = 0; k < n; k++)
            most = LARGEST_ANGLE >= __builtin_fabsf(in[i + k]) ? most : INFINITY; /* NaN, too */
        if (most > 0)
            memcpy(chunk, in + i, n * sizeof *chunk);
        small(in + i, out + i, n, 0, 0);
        for (size_t k = 0; most > 0 && k < n; k++)
            if (!(__builtin_fabsf(chunk[k]) <= LARGEST_ANGLE))
                out[i + k] = library(chunk[k]);
    }
}
#define ANGLE_MAP(NAME)                                                                          \
    static void map_##NAME(const float *in, float *out, size_t count, float alpha, float beta) { \
        (void)alpha, (void)beta;                                                                 \
        map_angles(map_small_##NAME, NAME##f, in, out, count);                                   \
    }
ANGLE_MAP(sin)
ANGLE_MAP(cos)

const struct math_kernel LEVEL_NAME(math_kernel) = {
    .map = {[MATH_RELU] = map_relu,         [MATH_LEAKY_RELU] = map_leaky_relu,
            [MATH_CLIP] = map_clip,         [MATH_HARD_SIGMOID] = map_hard_sigmoid,
            [MATH_EXP] = map_exp,           [MATH_LOG] = map_log,
            [MATH_TANH] = map_tanh,         [MATH_SIGMOID] = map_sigmoid,
            [MATH_SWISH] = map_swish,       [MATH_ERF] = map_erf,
            [MATH_GELU] = map_gelu,         [MATH_GELU_TANH] = map_gelu_tanh,
            [MATH_ELU] = map_elu,           [MATH_SELU] = map_selu,
            [MATH_SOFTPLUS] = map_softplus, [MATH_MISH] = map_mish,
            [MATH_CELU] = map_celu,         [MATH_SIN] = map_sin,
            [MATH_COS] = map_cos,           [MATH_ASIN] = map_asin,
            [MATH_ACOS] = map_acos,         [MATH_ATAN] = map_atan,
            [MATH_ROUND] = map_round}};
