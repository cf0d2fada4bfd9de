/* Floats of integers of few bits, and products with them. */
#ifndef LIMNER_OPS_KERNELS_BITS_H
#define LIMNER_OPS_KERNELS_BITS_H

#include <stddef.h>
#include <stdint.h>

#define FLOAT_CHAINS 32

struct bits_kernel {
    /* to[i] = (number i - zero) * scale, of numbers without sign that lie side by side from the lowest bit of *from on,
       2, 4 or 8 bits each. */
    void (*unpack)(const uint8_t *from, int bits, size_t count, float scale, float zero, float *to);
    /* The sum of a[i] * b[i], in FLOAT_CHAINS chains. */
    float (*float_dot)(const float *a, const float *b, size_t count);
};

#endif
