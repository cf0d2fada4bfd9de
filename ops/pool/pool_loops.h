/* Inner loops of pooling by element type. */
#ifndef LIMNER_OPS_POOL_POOL_LOOPS_H
#define LIMNER_OPS_POOL_POOL_LOOPS_H

#include "base/tensor.h"
#include "ops/kernels/kernels.h"
#include "ops/kernels/pool.h"

struct pool_loops {
    /* line[i] is what nothing gives: the least number of the type for POOL_MAX, else 0. */
    void (*fill)(enum pool_kind kind, int64_t count, void *line);
    /* |x[i]| to the power. */
    void (*raise)(double power, const void *x, int64_t count, void *y);
    /* y[i] to the power 1/power. */
    void (*root)(double power, int64_t count, void *y);
    /* Sets divisors[i] to count, or 1 for 0, and its inverse. */
    void (*set)(void *divisors, void *inverses, int64_t i, int64_t count);
    /* As pool_kernel's whole(), for POOL_POWERS, too. */
    void (*whole)(const struct pool_kernel *kernel, enum pool_kind kind, double power, const void *x, int64_t count,
                  int64_t inner, void *total);
    /* Puts two totals together. */
    void (*join)(enum pool_kind kind, int64_t inner, const void *more, void *total);
    /* The total of pool_kernel's whole() divided by `count`, or its root, as an element. */
    void (*finish_whole)(enum pool_kind kind, double divisor, double power, int64_t inner, const void *total, void *y);
};

/* For float, double, int8 and uint8. */
const struct pool_loops *pool_loops_of(enum dtype dtype);
const struct pool_kernel *pool_kernel_for(enum dtype dtype, const struct kernels *kernels);

#endif
