/*
 * Reductions of floats into accumulators of double precision, in an order that depends on the counts and on the level
 * alone. Any alignment will do.
 */
#ifndef LIMNER_OPS_KERNELS_REDUCE_H
#define LIMNER_OPS_KERNELS_REDUCE_H

#include <stddef.h>
#include <stdint.h>

enum reduce_kind {
    REDUCE_NONE,
    REDUCE_SUM,
    REDUCE_ABSOLUTES, /* the sum of |x| */
    REDUCE_SQUARES,   /* the sum of x^2 */
    REDUCE_PRODUCT,
    REDUCE_LARGEST, /* a NaN wins over everything, here and below; accumulators are floats then */
    REDUCE_SMALLEST
};

/* Bytes that a row of integers has at least. */
#define REDUCE_VECTOR 64

/*
 * The largest x ^ flip, as numbers with a sign, of each of `rows` rows of `count` integers behind one another: the
 * accumulator, of their type, takes in that x. So flip makes the smallest ones of them, or numbers without a sign.
 */
typedef void extremes_loop(const void *x, size_t rows, size_t count, uint32_t flip, void *accumulators);

struct reduce_kernel {
    /* accumulators[r] takes in the numbers of row r, x[r * count] .. x[r * count + count - 1]. */
    void (*rows)(enum reduce_kind kind, const float *x, size_t rows, size_t count, double *accumulators);
    /* accumulators[i] takes in x[i], x[i + stride], ..., `steps` numbers; i < count. */
    void (*columns)(enum reduce_kind kind, const float *x, size_t stride, size_t steps, size_t count,
                    double *accumulators);
    extremes_loop *bytes, *ints; /* NULL at the portable level */
};

#endif
