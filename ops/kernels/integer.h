/* Sums of products of 16-bit integers, which hold 8-bit ones less their zero points. */
#ifndef LIMNER_OPS_KERNELS_INTEGER_H
#define LIMNER_OPS_KERNELS_INTEGER_H

#include <stddef.h>
#include <stdint.h>

struct integer_kernel {
    /* out[i] = sum over k of a[k] * b[i * depth + k], for i < count; sums wrap. |a|, |b| <= 255. */
    void (*dots)(const int16_t *a, const int16_t *b, size_t depth, size_t count, int32_t *out);
};

#endif
