/* Functions of two elements whose instructions the baseline lacks; any alignment. */
#ifndef LIMNER_OPS_KERNELS_PAIRS_H
#define LIMNER_OPS_KERNELS_PAIRS_H

#include <stddef.h>

/*
 * out[i] from a[i * a_step] and b[i * b_step], i < count, in elements; each step is 0 or 1. out may be exactly a or b
 * where that one's step is 1. context is not read.
 */
typedef void pair_map(void *out, const void *a, size_t a_step, const void *b, size_t b_step, size_t count,
                      const void *context);

/* What wraps is the same with a sign and without. NULLs at the portable level. */
struct pair_kernel {
    pair_map *multiply_bytes, *multiply_ints;
    pair_map *divide_ints; /* with a sign, toward zero; by zero 0, the lowest number by -1 is itself */
    pair_map *equal_longs; /* 0 or 1, a byte each */
};

#endif
