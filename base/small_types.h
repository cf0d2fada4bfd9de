/*
 * Element types of eight bits and less. A code is an element's bits in a byte of its own. Elements of four and two bits
 * stand packed, the first one in a byte's lowest bits; what a tensor's last byte does not need is 0.
 */
#ifndef LIMNER_BASE_SMALL_TYPES_H
#define LIMNER_BASE_SMALL_TYPES_H

#include "base/tensor.h"

static inline bool dtype_is_packed(enum dtype dtype) {
    return dtype_bits(dtype) > 0 && dtype_bits(dtype) < 8;
}
static inline bool dtype_is_packed_integer(enum dtype dtype) {
    return dtype_is_packed(dtype) && dtype != DTYPE_FLOAT4E2M1;
}
/* Floating point of eight bits and less. */
bool dtype_is_small_float(enum dtype dtype);

/* Elements in whole bytes: work is shared out in multiples of this. */
#define SMALL_GROUP 4

/* Codes of elements first .. first + count - 1, of a packed type or of one of eight bits. */
void small_unpack(enum dtype dtype, const void *in, size_t first, uint8_t *codes, size_t count);
/* The other way; first is a multiple of SMALL_GROUP, and so is count, or else the rest of the last byte becomes 0. */
void small_pack(enum dtype dtype, const uint8_t *codes, size_t first, void *out, size_t count);

/* The value of a packed integer's code. */
int small_integer(enum dtype dtype, uint8_t code);

/* The value of a code; every one is a float. */
float small_float_decode(enum dtype dtype, uint8_t code);

enum e8m0_rounding { E8M0_UP, E8M0_DOWN, E8M0_NEAREST };
struct small_rounding {
    bool saturate;           /* what is too large becomes the largest number, else infinity or NaN (float8) */
    enum e8m0_rounding e8m0; /* FLOAT8E8M0: away from zero, toward it, or to the nearest, ties up */
};

/* Rounded once, to nearest even, as the operator Cast says. FLOAT4E2M1 always saturates, and has no NaN: that becomes
 * -0. */
uint8_t small_float_encode(enum dtype dtype, double x, const struct small_rounding *rounding);

#endif
