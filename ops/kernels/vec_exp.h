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
        sum = sum * x + vec_all(c[i]);
    return sum;
}
#define POLYNOMIAL(X, ...) \
    polynomial(X, (const float[]){__VA_ARGS__}, (int)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)))

/* e^x = 2^n (1 + rest), |rest| < 0.42. */
struct power {
    vec n, rest;
};

/* ln 2 in two parts, the first so short that its product with n is exact. */
#define LN2_HIGH 0.693145752f
#define LN2_LOW 1.42860677e-6f

INLINE struct power exp_parts(vec x) {
    const vec n = vec_round(x * vec_all(1.44269504f));
    const vec high = x - n * vec_all(LN2_HIGH), low = n * vec_all(LN2_LOW);
    const vec r = high - low;
    const vec tail =
        POLYNOMIAL(r, 0.5f, 1.666666567e-01f, 4.166649282e-02f, 8.333543316e-03f, 1.393234706e-03f, 1.976425847e-04f);
    return (struct power){n, high + (r * r * tail - low)};
}

INLINE vec exp_all(vec x) {
    const struct power power = exp_parts(vec_max(vec_all(-104.0f), vec_min(vec_all(89.0f), x)));
    return vec_scale(vec_all(1.0f) + power.rest, power.n);
}

#endif
