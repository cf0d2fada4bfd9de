#include "ops/matmul/product.h"

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
