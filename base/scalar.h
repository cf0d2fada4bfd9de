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

SCALAR float scalar_leaky_relu(float x, float alpha) {
    return scalar_select(x < 0.0f, x * alpha, x);
}

/* min(max(x, low), high): `high` where low > high. */
SCALAR float scalar_clip(float x, float low, float high) {
    const float y = scalar_select(x < low, low, x);
    return scalar_select(y > high, high, y);
}

#endif
