/*
 * The 16-bit floating-point types as loops over vectors, round to nearest even: the same bits as base/convert.h, by the
 * processor's own instructions where it has them. Of a NaN the upper bits stay; it becomes a quiet one.
 */
#ifndef LIMNER_OPS_KERNELS_HALF_H
#define LIMNER_OPS_KERNELS_HALF_H

#include <stddef.h>
#include <stdint.h>

/* The loops of one type; any alignment. */
struct half_loops {
    void (*widen)(const uint16_t *in, float *out, size_t count);
    void (*narrow)(const float *in, uint16_t *out, size_t count);
    void (*round)(const float *in, float *out, size_t count); /* to what the type can hold; in place is allowed */
};

/* At the portable level all are NULL: base/convert.h does as well. */
struct half_kernel {
    struct half_loops float16, bfloat16;
};

#endif
