/* float32 functions without branches or calls, so that loops over them vectorise. NaN gives NaN. The functions that
 * take more than a few steps are loops of their own: ops/kernels/math.h. */
#ifndef LIMNER_BASE_SCALAR_H
#define LIMNER_BASE_SCALAR_H

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

/* condition ? a : b, by bits: compilers do not always dare to make vectors of a choice between computed numbers. */
SCALAR float scalar_select(bool condition, float a, float b) {
    const uint32_t mask = 0u - (uint32_t)condition;
    return float_from_bits((float_bits(a) & mask) | (float_bits(b) & ~mask));
}

/* Below 2^23 numbers have a fraction: `whole` in place of |x| there, with x's sign. NaN and infinities are kept. */
SCALAR float scalar_whole(float x, float whole) {
    const float a = scalar_abs(x), y = scalar_select(a < 8388608.0f, whole, a);
    return float_from_bits(float_bits(y) | (float_bits(x) & 0x80000000u));
}

/* Half to even. */
SCALAR float scalar_round(float x) {
    return scalar_whole(x, (scalar_abs(x) + 8388608.0f) - 8388608.0f);
}

SCALAR float scalar_floor(float x) {
    const float y = scalar_round(x);
    return y - scalar_select(y > x, 1.0f, 0.0f);
}

SCALAR float scalar_ceil(float x) {
    return -scalar_floor(-x);
}

/* NaN wins over everything; of two zeros it is any. Two numbers that are the same, but for NaN in one of them: then the
 * bits of both together are a NaN. */
SCALAR float scalar_larger(float x, float y) {
    return float_from_bits(float_bits(x > y ? x : y) | float_bits(y > x ? y : x));
}
SCALAR float scalar_smaller(float x, float y) {
    return float_from_bits(float_bits(x < y ? x : y) | float_bits(y < x ? y : x));
}

SCALAR float scalar_leaky_relu(float x, float alpha) {
    return scalar_select(x < 0.0f, x * alpha, x);
}

/* min(max(x, low), high): `high` where low > high. */
SCALAR float scalar_clip(float x, float low, float high) {
    const float y = scalar_select(x < low, low, x);
    return scalar_select(y > high, high, y);
}

#endif
