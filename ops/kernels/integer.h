/* Sums of products of 16-bit integers, which hold 8-bit ones less their zero points; floats of integers of few bits. */
#ifndef LIMNER_OPS_KERNELS_INTEGER_H
#define LIMNER_OPS_KERNELS_INTEGER_H

#include <stddef.h>
#include <stdint.h>

#define FLOAT_CHAINS 32

struct integer_kernel {
    /* out[i] = sum over k of a[k] * b[i * depth + k], for i < count; sums wrap. |a|, |b| <= 255. */
    void (*dots)(const int16_t *a, const int16_t *b, size_t depth, size_t count, int32_t *out);
    /* to[i] = (number i - zero) * scale, of numbers without sign that lie side by side from the lowest bit of *from on,
       2, 4 or 8 bits each. */
    void (*unpack)(const uint8_t *from, int bits, size_t count, float scale, float zero, float *to);
    /* The sum of a[i] * b[i], in FLOAT_CHAINS chains. */
    float (*float_dot)(const float *a, const float *b, size_t count);
};

#endif
