#include "ops/matmul/product.h"

#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"

#include <string.h>

int64_t product_batches(const struct matrix_product *product) {
    int64_t count = 1;
    for (int d = 0; d < product->batch_rank; d++)
        count *= product->batch_dims[d];
    return count;
}

int64_t product_offset(const struct matrix_product *product, const int64_t *strides, int64_t index) {
    int64_t offset = 0;
    for (int d = product->batch_rank - 1; d >= 0; d--) {
        offset += index % product->batch_dims[d] * strides[d];
        index /= product->batch_dims[d];
    }
    return offset;
}

void product_finish_row(const struct kernels *kernels, const struct matrix_product *product, const float *c, int64_t m,
                        int64_t n, int64_t count, const float *sums, float *y) {
    if (c || product->alpha != 1)
        row_kernel_of(kernels)->scale_add(sums, y, (size_t)count, product->alpha, product->beta,
                                          c ? c + m * product->c.row_stride + n * product->c.column_stride : NULL,
                                          (size_t)product->c.column_stride);
    else if (y != sums)
        memcpy(y, sums, (size_t)count * sizeof *y);
}
