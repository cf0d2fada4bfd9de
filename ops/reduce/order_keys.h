/* Elements of every number type as keys that compare as the elements do. A type is a row. */
#ifndef LIMNER_OPS_REDUCE_ORDER_KEYS_H
#define LIMNER_OPS_REDUCE_ORDER_KEYS_H

#include "base/scalar.h"
#include "base/tensor.h"

/*
 * keys[i] of in[i * stride]: a greater element has a greater key, equal ones have the same. -0 equals 0; NaNs are equal
 * and above everything. dtype: numbers, bool, the 16-bit types.
 */
void order_keys(enum dtype dtype, const void *in, int64_t stride, int64_t count, uint64_t *keys);

/* The numbers 0..count-1 in the order of their keys, of equal ones the smaller first: a radix sort. Returns where they
 * are: a or b, both with room for count. */
int64_t *order_sort(const uint64_t *keys, int64_t count, int64_t *a, int64_t *b);

/* The key of one float. */
static inline uint64_t order_key_float(float x) {
    if (x != x)
        return UINT64_MAX;
    const uint32_t bits = x == 0 ? 0 : float_bits(x);
    return bits >> 31 ? ~bits : bits | UINT32_C(0x80000000);
}

#endif
