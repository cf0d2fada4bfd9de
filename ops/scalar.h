/*
 * float32 functions without branches, tables or calls, so that loops over them vectorise and give the same bits on
 * every processor and with every C library. Errors stay below 3 units in the last place. NaN gives NaN.
 */
#ifndef LIMNER_OPS_SCALAR_H
#define LIMNER_OPS_SCALAR_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define SCALAR static inline __attribute__((always_inline, unused))

SCALAR uint32_t float_bits(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

SCALAR float float_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

SCALAR float scalar_abs(float x) {
    return float_from_bits(float_bits(x) & 0x7fffffffu);
}

/* |magnitude| with the sign of `sign`. */
SCALAR float scalar_copysign(float magnitude, float sign) {
    return float_from_bits((float_bits(magnitude) & 0x7fffffffu) | (float_bits(sign) & 0x80000000u));
}

/* condition ? a : b, by bits: compilers do not always dare to make vectors of a choice between computed numbers. */
SCALAR float scalar_select(bool condition, float a, float b) {
    const uint32_t mask = 0u - (uint32_t)condition;
    return float_from_bits((float_bits(a) & mask) | (float_bits(b) & ~mask));
}

SCALAR float scalar_relu(float x) {
    return x < 0.0f ? 0.0f : x;
}

SCALAR float scalar_leaky_relu(float x, float alpha) {
    return scalar_select(x < 0.0f, x * alpha, x);
}

/* min(max(x, low), high): `high` where low > high. */
SCALAR float scalar_clip(float x, float low, float high) {
    const float y = scalar_select(x < low, low, x);
    return scalar_select(y > high, high, y);
}

/* e^x: 0 below -104, infinity above 88.73. */
SCALAR float scalar_exp(float x) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, which its low bits then hold */
    const float clamped = scalar_clip(x, -104.0f, 89.0f);
    const float shifted = clamped * 1.44269504f + round;
    const float n = shifted - round;
    const float r = (clamped - n * 0.693145752f) - n * 1.42860677e-6f; /* ln 2 in two parts, the first exact in n */
    float p = 1.991855825e-04f;
    p = p * r + 1.394620282e-03f;
    p = p * r + 8.333263919e-03f;
    p = p * r + 4.166626930e-02f;
    p = p * r + 1.666666716e-01f;
    p = p * r + 5.000000000e-01f;
    p = p * (r * r) + r + 1.0f;
    /* 2^n in two factors, because n may pass the range of one exponent. */
    const int32_t exponent = (int32_t)(float_bits(shifted) - float_bits(round));
    const int32_t half = exponent >> 1;
    const float first = float_from_bits((uint32_t)(half + 127) << 23);
    const float second = float_from_bits((uint32_t)(exponent - half + 127) << 23);
    return p * first * second;
}

SCALAR float scalar_sigmoid(float x) {
    return 1.0f / (1.0f + scalar_exp(-x));
}

SCALAR float scalar_tanh(float x) {
    const float s = x * x;
    float p = 2.142220736e-03f;
    p = p * s - 8.177067153e-03f;
    p = p * s + 2.170078643e-02f;
    p = p * s - 5.394682288e-02f;
    p = p * s + 1.333320737e-01f;
    p = p * s - 3.333333135e-01f;
    const float small = p * s * x + x;
    const float a = scalar_abs(x);
    const float large = scalar_copysign(1.0f - 2.0f / (scalar_exp(a + a) + 1.0f), x);
    return scalar_select(a < 0.625f, small, large);
}

SCALAR float scalar_erf(float x) {
    const float s = x * x;
    float p = 7.889113476e-05f;
    p = p * s - 8.020839305e-04f;
    p = p * s + 5.189535208e-03f;
    p = p * s - 2.685444430e-02f;
    p = p * s + 1.128360033e-01f;
    p = p * s - 3.761262596e-01f;
    p = p * s + 1.28379107e-01f; /* 2/sqrt(pi) - 1 */
    const float small = p * x + x;
    /* 1 - erf(a) = e^-q(a); it vanishes beside 1 before a = 4. */
    float a = scalar_abs(x);
    a = scalar_select(a > 4.0f, 4.0f, a);
    float q = 2.149604552e-05f;
    q = q * a - 4.391056136e-04f;
    q = q * a + 4.193607718e-03f;
    q = q * a - 2.517895959e-02f;
    q = q * a + 1.083724648e-01f;
    q = q * a + 6.332626343e-01f;
    q = q * a + 1.129556775e+00f;
    q = q * a - 1.834430295e-04f;
    const float large = scalar_copysign(1.0f - scalar_exp(-q), x);
    return scalar_select(a < 1.0f, small, large);
}

#endif
