/* Products with few columns, whose rows are read where they lie. */
#ifndef LIMNER_OPS_KERNELS_NARROW_H
#define LIMNER_OPS_KERNELS_NARROW_H

#include <stdbool.h>
#include <stddef.h>

struct narrow_kernel {
    /*
     * The sums of struct gemm_kernel, of any number of rows of `a`: a[row * a_stride + depth]. c = a.b when `first`,
     * else c += a.b. Of the panel b at least the first `columns` are computed.
     */
    void (*direct)(int rows, int columns, size_t depth, const float *a, size_t a_stride, const float *b, bool first,
                   float *c, size_t c_stride);
};

#endif
