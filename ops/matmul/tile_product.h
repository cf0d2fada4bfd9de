/*
 * Products of some rows with a right side that is packed beforehand, by one thread: for operators that make many small
 * products in a row (attention, recurrent layers) and share them out themselves. Sums are chains of multiply-adds that
 * close at multiples of GEMM_DEPTH: the same bits whatever the other rows are.
 */
#ifndef LIMNER_OPS_MATMUL_TILE_PRODUCT_H
#define LIMNER_OPS_MATMUL_TILE_PRODUCT_H

#include "base/sizes.h"
#include "ops/matmul/gemm.h"

#define TILE_ROWS 64 /* rows that a thread takes at a time, at most, where it keeps them or their results */

/* Columns in whole tiles: what a row of a result takes, and how many columns are packed. */
static inline int64_t tile_columns(const struct gemm_kernel *kernel, int64_t columns) {
    return whole_units(columns, kernel->columns);
}

/* Packs depths depth0 .. depth0 + count: number (depth0 + k, column) stands at b + k * depth_stride + column *
 * column_stride, with any alignment. packed: tile_columns() * depth floats, 64-byte aligned; zeros beyond the columns.
 */
struct tile_source {
    const void *b;
    int64_t depth_stride, column_stride, depth, columns;
};
void tile_pack(const struct kernels *kernels, const struct tile_source *source, int64_t depth0, int64_t count,
               float *packed);

/* The packed right side: of `depth`, with so many columns. */
struct tile_matrix {
    const float *packed;
    int64_t depth, columns;
};

/*
 * c[row * c_stride + column] = a[row] . b, or += where it is not the first. Only the first `depth` <=
 * b->depth depths and the first `columns` columns are taken.
 */
struct tile_rows {
    const float *a;
    int64_t a_stride, a_depth; /* from a row to the next, and from a depth */
    int64_t rows, depth, columns;
    float *c;
    int64_t c_stride;
    bool first;
};
void tile_product(const struct gemm_kernel *kernel, const struct tile_rows *rows, const struct tile_matrix *b);

#endif
