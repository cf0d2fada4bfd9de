/* Inner loops of pooling: the contracts. */
#ifndef LIMNER_OPS_KERNELS_POOL_H
#define LIMNER_OPS_KERNELS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How elements are put together. NaN stays NaN. Sums of other powers are not made by these loops. */
enum pool_kind { POOL_MAX, POOL_SUM, POOL_ABSOLUTES, POOL_SQUARES, POOL_POWERS };

/* Elements of a line that may be read, but do not count, behind those that pool_line says. */
#define POOL_SLACK 64

/*
 * Out of a line of pixels of `inner` elements: y[o] is the largest, or the sum, of pixels o * stride + k * dilation,
 * for k in 0..taps-1.
 */
struct pool_line {
    int64_t out, inner, taps, stride, dilation;
    const void *x;
    void *y;
};

struct pool_kernel {
    /* line[i] is put together with x[i], the first time set to it. */
    void (*take)(enum pool_kind kind, bool first, const void *x, int64_t count, void *line);
    /* POOL_MAX, or else sums. */
    void (*across)(enum pool_kind kind, const struct pool_line *line);
    /*
     * All of `count` pixels, above 0, of 1 or CHANNEL_BLOCK elements: the largest, or the sum in double precision, to
     * total[inner]. Their type is that of the elements for POOL_MAX, else double.
     */
    void (*whole)(enum pool_kind kind, const void *x, int64_t count, int64_t inner, void *total);
};

#endif
