/* e^x of a vector, for the loops that need more than its values. Its polynomial is a minimax fit of the relative error.
 */
#ifndef LIMNER_OPS_KERNELS_VEC_EXP_H
#define LIMNER_OPS_KERNELS_VEC_EXP_H

#include "ops/kernels/vec.h"

#define INLINE static inline __attribute__((always_inline))

/* c[count-1] x^(count-1) + ... + c[0] */
INLINE vec polynomial(vec x, const float *c, const int count) {
    vec sum = vec_all(c[count - 1]);
#pragma GCC unroll 16
    for (int i = count - 2; i >= 0; i--)
        sum = vec_fma(sum, x, vec_all(c[i]));
    return sum;
}
#define POLYNOMIAL(X, ...) \
    polynomial(X, (const float[]){__VA_ARGS__}, (int)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))

/* ln 2 in two parts, the first so short that its product with n is exact without a fused multiply-add, too. */
#define LN2_HIGH 0.693145752f
#define LN2_LOW 1.42860677e-6f

/* (e^r - 1 - r) / r^2 */
#define EXP_TAIL 0.5f, 1.666666567e-01f, 4.166649282e-02f, 8.333543316e-03f, 1.393234706e-03f, 1.976425847e-04f

/* n and r of e^x = 2^n e^r, |r| < 0.35. */
INLINE vec exp_split(vec x, vec *r) {
    const vec n = vec_fma(x, vec_all(1.44269504f), vec_all(VEC_ROUND)) - vec_all(VEC_ROUND);
    *r = vec_fma(n, vec_all(-LN2_LOW), vec_fma(n, vec_all(-LN2_HIGH), x));
    return n;
}

INLINE vec exp_all(vec x) {
    vec r;
    const vec n = exp_split(vec_max(vec_all(-104.0f), vec_min(vec_all(89.0f), x)), &r);
    return vec_scale(POLYNOMIAL(r, 1.0f, 1.0f, EXP_TAIL), n);
}

#endif
