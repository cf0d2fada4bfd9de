/* Inner loops of pooling: the contracts. */
#ifndef LIMNER_OPS_KERNELS_POOL_H
#define LIMNER_OPS_KERNELS_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How elements are put together. NaN stays NaN. Sums of other powers are not made by these loops. */
enum pool_kind { POOL_MAX, POOL_SUM, POOL_ABSOLUTES, POOL_SQUARES, POOL_POWERS };

/* Elements behind those of a line that may be read and written, and count as nothing. */
#define POOL_SLACK 64

/* y[i] is the largest of rows[r][i], or their sum. What lies behind them in the slack may be set to `nothing`. */
struct pool_stack {
    const void *const *rows;
    int64_t row_count, count;
    const void *nothing; /* an element */
    void *y;
};

/*
 * Out of a line of pixels of `inner` elements: y[o] is the largest, or the sum, of pixels o * stride + k * dilation,
 * for k in 0..taps-1; divided by divisors[o] where there are some, whose inverses are at hand. Behind the last pixel is
 * slack.
 */
struct pool_line {
    int64_t out, inner, taps, stride, dilation;
    int64_t in, pad; /* of pixels(): the line's own pixels, and those before it that there are not */
    const void *divisors, *inverses;
    double rows;
    const void *x;
    void *y;
};

struct pool_kernel {
    void (*stack)(enum pool_kind kind, const struct pool_stack *stack);
    /* The largest, or else sums. */
    void (*across)(enum pool_kind kind, const struct pool_line *line);
    /* Both in one step, for pixels of CHANNEL_BLOCK elements: line->x is not read. NULL: there is no such loop. */
    void (*pixels)(enum pool_kind kind, const struct pool_stack *stack, const struct pool_line *line);
    /*
     * All of `count` pixels, above 0, of 1 or CHANNEL_BLOCK elements: the largest, or the sum in double precision, to
     * total[inner]. Their type is that of the elements for the largest, else double.
     */
    void (*whole)(enum pool_kind kind, const void *x, int64_t count, int64_t inner, void *total);
};

#endif
