/*
 * Functions of every element, as loops over vectors. A result depends on its element alone: wherever it stands in the
 * array the bits are the same, and so they are at all levels that have fused multiply-adds; the portable one rounds
 * otherwise. NaN gives NaN, which one is left to the compiler. Infinities give the limits, a zero keeps its sign where
 * the function passes through it. Where denormal numbers are flushed (base/fpu.h) they count as zero and results that
 * would be denormal become zero; only a denormal argument that is its own result (relu, clip, ...) may stay.
 *
 * The largest errors at any level, against double precision, in units in the last place of the exact result: over all
 * 2^32 arguments, but of those with a star over one in seven (`make ulp` looks at all, and fails above the bounds of
 * tests/ops/test_math.c, which are these rounded up):
 *     exp 1.16    log 0.91    tanh 2.43    sigmoid 2.41    erf 1.91    softplus* 1.96
 *     elu (alpha 1.5) 1.43    selu* (alpha 1.5, beta 0.75) 1.72    celu* (alpha 1.5) 1.79
 *     sin* 1.58 and cos* 1.59, beyond angles of 131072 as the C library; asin* 1.91    acos* 1.14    atan* 1.47
 *     swish 3.29 and mish* 4.32, or |x| times the smallest normal number where that is more
 *     gelu 1.65 and gelu by tanh 2.09 units in the last place of the argument, of which small results are a difference
 */
#ifndef LIMNER_OPS_KERNELS_MATH_H
#define LIMNER_OPS_KERNELS_MATH_H

#include <stddef.h>

enum math_function {
    MATH_NONE,
    MATH_RELU,         /* 0 below 0, exact */
    MATH_LEAKY_RELU,   /* alpha x below 0, one rounding */
    MATH_CLIP,         /* min(max(x, alpha), beta): beta where alpha > beta; exact */
    MATH_HARD_SIGMOID, /* alpha x + beta within 0 and 1, two roundings */
    MATH_EXP,
    MATH_LOG,
    MATH_TANH,
    MATH_SIGMOID,
    MATH_SWISH, /* x sigmoid(alpha x) */
    MATH_ERF,
    MATH_GELU,      /* x/2 (1 + erf(x / sqrt 2)) */
    MATH_GELU_TANH, /* the usual approximation of it by tanh */
    MATH_ELU,       /* alpha (e^x - 1) below 0 */
    MATH_SELU,      /* beta times that, and beta x above 0 */
    MATH_SOFTPLUS,
    MATH_MISH, /* x tanh(softplus(x)) */
    MATH_CELU, /* alpha (e^(x/alpha) - 1) below 0 */
    MATH_SIN,
    MATH_COS,
    MATH_ASIN,
    MATH_ACOS,
    MATH_ATAN,
    MATH_ROUND, /* half to even, exact */
    MATH_FUNCTIONS
};

/* out[0..count-1] from in[0..count-1], which may be the same memory but must not partly overlap; any alignment. */
typedef void math_map(const float *in, float *out, size_t count, float alpha, float beta);

struct math_kernel {
    math_map *map[MATH_FUNCTIONS];
};

#endif
