/*
 * Exponentials, logarithms and what is made of them. Polynomials are minimax fits of the relative error, made for this
 * file. No step is a fused multiply-add, so that every level rounds alike.
 */
#include "ops/kernels/math.h"
#include "ops/kernels/tables.h"
#include "ops/kernels/vec_exp.h"

#include <math.h>

INLINE vec negative(vec x) {
    return (vec)((vec_bits)x ^ vec_bits_all(0x80000000u));
}

/* e^x - 1 without loss near 0, for |x| < 87. */
INLINE vec expm1_all(vec x) {
    const struct power power = exp_parts(x);
    const vec scale = vec_power(power.n);
    return scale * power.rest + (scale - vec_all(1.0f));
}

/* log(1 + f) = f - (f^2/2 - s (f^2/2 + R)) with s = f / (2 + f); this is the bracket. For -0.3 < f <= 1. */
INLINE vec log1p_tail(vec f) {
    const vec s = f / (vec_all(2.0f) + f), z = s * s, half = f * f * vec_all(0.5f);
    const vec r =
        POLYNOMIAL(z, 6.666667461e-01f, 3.999894857e-01f, 2.861521244e-01f, 2.144388407e-01f, 2.424527109e-01f);
    return half - s * (half + z * r);
}

INLINE vec log_all(vec x) {
    /* Denormal numbers are lifted; where they count as zero they stay zero. */
    const vec smallest = vec_all(0x1p-126f), zero = vec_all(0.0f), infinity = vec_all(INFINITY);
    const vec lifted = vec_if_less(x, smallest, x * vec_all(0x1p32f), x);
    /* The significand between sqrt(1/2) and sqrt(2), and the exponent. */
    const vec_bits root = vec_bits_all(0x3f3504f3u), above = (vec_bits)lifted - root;
    const vec significand = (vec)((above & vec_bits_all(0x007fffffu)) + root);
    const vec_bits biased = (above + vec_bits_all(127u << 23)) >> 23;
    const vec exponent = (vec)(biased + (vec_bits)vec_all(VEC_ROUND)) -
                         vec_if_less(x, smallest, vec_all(VEC_ROUND + 159.0f), vec_all(VEC_ROUND + 127.0f));
    const vec f = significand - vec_all(1.0f);
    const vec sum = exponent * vec_all(LN2_HIGH) + (f - (log1p_tail(f) - exponent * vec_all(LN2_LOW)));
    const vec finite = vec_if_less(x, infinity, sum, x); /* infinity and NaN are their own logarithm */
    const vec positive = vec_if_less(lifted, zero, vec_all(NAN), finite);
    return vec_if_less(vec_abs(lifted), smallest, negative(infinity), positive);
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

/* ---- the functions ---- */

typedef vec body(vec x, vec alpha, vec beta);

/* count is a multiple of VEC. */
INLINE void map_whole(body *const function, const float *in, float *out, size_t count, float alpha, float beta) {
    const vec a = vec_all(alpha), b = vec_all(beta);
    for (size_t i = 0; i < count; i += VEC)
        vec_store(out + i, function(vec_load(in + i), a, b));
}

/* The rest goes through the same loop, padded. */
static void map_any(math_map *whole, const float *in, float *out, size_t count, float alpha, float beta) {
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

const struct math_kernel LEVEL_NAME(math_kernel) = {.map = {[MATH_RELU] = map_relu,
                                                            [MATH_LEAKY_RELU] = map_leaky_relu,
                                                            [MATH_CLIP] = map_clip,
                                                            [MATH_HARD_SIGMOID] = map_hard_sigmoid,
                                                            [MATH_EXP] = map_exp,
                                                            [MATH_LOG] = map_log,
                                                            [MATH_TANH] = map_tanh,
                                                            [MATH_SIGMOID] = map_sigmoid,
                                                            [MATH_SWISH] = map_swish,
                                                            [MATH_ERF] = map_erf,
                                                            [MATH_GELU] = map_gelu,
                                                            [MATH_GELU_TANH] = map_gelu_tanh,
                                                            [MATH_ELU] = map_elu,
                                                            [MATH_SELU] = map_selu,
                                                            [MATH_SOFTPLUS] = map_softplus,
                                                            [MATH_MISH] = map_mish}};
