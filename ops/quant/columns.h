/* The right side of products of 8-bit integers, as ops/kernels/integer.h reads it. */
#ifndef LIMNER_OPS_QUANT_COLUMNS_H
#define LIMNER_OPS_QUANT_COLUMNS_H

#include "base/tensor.h"
#include "ops/kernels/integer.h"

/* A matrix of int8 or uint8: number [k][column] lies at k * row_stride + column * column_stride. */
struct quant_columns {
    const struct integer_kernel *kernel;
    bool bytes;
    enum dtype dtype;
    int64_t depth, columns, row_stride, column_stride;
};

/* Bytes of the packed form: [tile of columns][step][column], numbers without a sign, and the columns' sums; 0: too
 * many.
 */
size_t quant_columns_bytes(const struct quant_columns *columns);
void quant_pack_columns(const struct quant_columns *columns, const uint8_t *data, int threads, uint32_t *packed);
/* The sum of every column, of numbers without a sign; wraps. */
const uint32_t *quant_column_sums(const struct quant_columns *columns, const uint32_t *packed);

#endif
