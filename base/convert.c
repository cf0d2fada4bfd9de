#include "base/convert.h"

#include "base/scalar.h"
#include "base/simd.h"

#include <math.h>

/* No step makes a float32 subnormal, so the processor's flush-to-zero mode does not matter. */
SCALAR float float_from_half(uint16_t half) {
    const uint32_t magnitude = (uint32_t)(half & 0x7fff) << 13;
    const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    const uint32_t normal = magnitude + (112u << 23);
    const uint32_t special = magnitude + (224u << 23); /* infinity and NaN */
    const uint32_t subnormal = float_bits(float_from_bits(magnitude + (113u << 23)) - float_from_bits(113u << 23));
    uint32_t bits = magnitude < 1u << 23 ? subnormal : normal;
    bits = magnitude >= 31u << 23 ? special : bits;
    return float_from_bits(bits | sign);
}

SCALAR uint16_t half_from_bits(uint32_t bits) {
    const uint32_t magnitude = bits & 0x7fffffffu;
    const uint32_t normal = (magnitude + (magnitude >> 13 & 1) + 0xfff - (112u << 23)) >> 13;
    /* Below 2^-14: the last bit of 0.5 + x is worth 2^-24, the smallest half. */
    const uint32_t subnormal =
        float_bits(float_from_bits(magnitude < 113u << 23 ? magnitude : 0) + 0.5f) - (126u << 23);
    uint32_t half = magnitude < 113u << 23 ? subnormal : normal;
    half = magnitude >= 143u << 23 ? 0x7c00 : half;
    half = magnitude > 255u << 23 ? 0x7e00 | (magnitude >> 13 & 0x3ff) : half;
    return (uint16_t)(half | (bits >> 16 & 0x8000));
}

SCALAR uint16_t bfloat_from_bits(uint32_t bits) {
    const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
    return (uint16_t)((bits & 0x7fffffffu) > 255u << 23 ? bits >> 16 | 0x40 : rounded);
}

void half_to_float(enum dtype dtype, const uint16_t *in, float *out, size_t count) {
    if (dtype == DTYPE_FLOAT16) {
        SIMD for (size_t i = 0; i < count; i++) out[i] = float_from_half(in[i]);
    } else {
        SIMD for (size_t i = 0; i < count; i++) out[i] = float_from_bits((uint32_t)in[i] << 16);
    }
}

void half_from_float(enum dtype dtype, const float *in, uint16_t *out, size_t count) {
    if (dtype == DTYPE_FLOAT16) {
        SIMD for (size_t i = 0; i < count; i++) out[i] = half_from_bits(float_bits(in[i]));
    } else {
        SIMD for (size_t i = 0; i < count; i++) out[i] = bfloat_from_bits(float_bits(in[i]));
    }
}

/* The nearest float whose last bit is 1 unless x is exact: rounding it again cannot go wrong. */
static uint32_t bits_rounded_to_odd(double x) {
    const float nearest = (float)x;
    const uint32_t bits = float_bits(nearest);
    if (isnan(x) || (double)nearest == x || (bits & 1))
        return bits;
    return fabs((double)nearest) < fabs(x) ? bits | 1 : bits - 1;
}

void half_from_double(enum dtype dtype, const double *in, uint16_t *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const uint32_t bits = bits_rounded_to_odd(in[i]);
        out[i] = dtype == DTYPE_FLOAT16 ? half_from_bits(bits) : bfloat_from_bits(bits);
    }
}
