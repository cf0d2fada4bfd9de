/* The logarithm of a vector. Its polynomial is a minimax fit of the relative error. */
#ifndef LIMNER_OPS_KERNELS_VEC_LOG_H
#define LIMNER_OPS_KERNELS_VEC_LOG_H

#include "ops/kernels/vec_exp.h"

#include <math.h>

/* log(1 + f) = f - (f^2/2 - s (f^2/2 + R)) with s = f / (2 + f); this is the bracket. For -0.3 < f <= 1. */
INLINE vec log1p_tail(vec f) {
    const vec s = f / (vec_all(2.0f) + f), z = s * s, half = f * f * vec_all(0.5f);
    const vec r =
        POLYNOMIAL(z, 6.666667461e-01f, 3.999894857e-01f, 2.861521244e-01f, 2.144388407e-01f, 2.424527109e-01f);
    return half - s * (half + z * r);
}

INLINE vec log_all(vec x) {
    /* Denormal numbers are lifted; where they count as zero they stay zero. */
    const vec smallest = vec_all(0x1p-126f), zero = vec_all(0.0f), infinity = vec_all(INFINITY);
    const vec lifted = vec_if_less(x, smallest, x * vec_all(0x1p32f), x);
    /* The significand between sqrt(1/2) and sqrt(2), and the exponent. */
    const vec_bits root = vec_bits_all(0x3f3504f3u), above = (vec_bits)lifted - root;
    const vec significand = (vec)((above & vec_bits_all(0x007fffffu)) + root);
    const vec_bits biased = (above + vec_bits_all(127u << 23)) >> 23;
    const vec exponent = (vec)(biased + (vec_bits)vec_all(VEC_ROUND)) -
                         vec_if_less(x, smallest, vec_all(VEC_ROUND + 159.0f), vec_all(VEC_ROUND + 127.0f));
    const vec f = significand - vec_all(1.0f);
    const vec sum = exponent * vec_all(LN2_HIGH) + (f - (log1p_tail(f) - exponent * vec_all(LN2_LOW)));
    const vec finite = vec_if_less(x, infinity, sum, x); /* infinity and NaN are their own logarithm */
    const vec positive = vec_if_less(lifted, zero, vec_all(NAN), finite);
    return vec_if_less(vec_abs(lifted), smallest, vec_all(-INFINITY), positive);
}

#endif
