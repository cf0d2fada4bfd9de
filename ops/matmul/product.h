/* Products of strided matrices, in batches: what MatMul and Gemm have in common. */
#ifndef LIMNER_OPS_MATMUL_PRODUCT_H
#define LIMNER_OPS_MATMUL_PRODUCT_H

#include "ops/core/op.h"
#include "ops/matmul/gemm.h"
#include "ops/weights/weight_cache.h"

/* How a matrix lies in its tensor, in elements. */
struct matrix_strides {
    int64_t row_stride, column_stride;
};

/*
 * For every batch index: Y[m,n] = alpha * sum over k of A[m,k] * B[k,n] + beta * C[m,n]. A and B are inputs 0 and 1, C
 * is input 2 (MatMul has none). Batch dimensions broadcast: a stride of 0 repeats.
 */
struct matrix_product {
    int64_t m, n, k;
    int64_t rows; /* of A with one index of its dimension 0: a row of the batch */
    struct matrix_strides a, b, c;
    float alpha, beta;
    int batch_rank;
    int64_t batch_dims[MAX_RANK];
    int64_t a_batch_strides[MAX_RANK], b_batch_strides[MAX_RANK]; /* in elements */
};

/* How a product is made. */
enum product_way {
    PRODUCT_PANELS,  /* one side is packed in panels (gemm.h) */
    PRODUCT_PACKED,  /* B is constant, and packed in channel blocks (product_packed.h) */
    PRODUCT_ROWS,    /* product_small.h: a few rows, by B where it lies */
    PRODUCT_COLUMNS, /* a few columns, by A where it lies */
    PRODUCT_TILES,   /* B is packed in tiles of columns */
    PRODUCT_WAYS
};

/* The state of a planned product. */
struct product_state {
    struct matrix_product product;
    enum product_way way;
    bool strassen;       /* PRODUCT_PACKED by Strassen's algorithm (strassen.h) */
    bool b_packed;       /* PRODUCT_PANELS: the packed side is B (its columns are the rows of the product), else A */
    int64_t matrices;    /* of the packed side */
    const float *packed; /* from the weight cache; NULL: packed into the workspace at run */
    size_t packed_bytes;
};

/* Matrices of the batch, and where the index-th of them starts with these strides. */
int64_t product_batches(const struct matrix_product *product);
int64_t product_offset(const struct matrix_product *product, const int64_t *strides, int64_t index);

/* An element of Y from its sum. */
static inline float product_finish(const struct matrix_product *product, const float *c, float sum, int64_t m,
                                   int64_t n) {
    const float scaled = product->alpha == 1 ? sum : product->alpha * sum;
    return c ? scaled + product->beta * c[m * product->c.row_stride + n * product->c.column_stride] : scaled;
}
/* Columns n .. n + count of row m of Y, from their sums, which may be where y is. C NULL: none. */
void product_finish_row(const struct kernels *kernels, const struct matrix_product *product, const float *c, int64_t m,
                        int64_t n, int64_t count, const float *sums, float *y);

#endif
