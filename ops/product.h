/* Products of strided matrices, in batches: what MatMul and Gemm share. */
#ifndef LIMNER_OPS_PRODUCT_H
#define LIMNER_OPS_PRODUCT_H

#include "ops/gemm.h"
#include "ops/op.h"
#include "ops/weights.h"

/* How a matrix lies in its tensor, in elements. */
struct matrix {
    int64_t row_stride, column_stride;
};

/*
 * For every batch index: Y[m,n] = alpha * sum over k of A[m,k] * B[k,n] + beta * C[m,n]. A and B are inputs 0 and 1, C
 * is input 2 (MatMul has none). Batch dimensions broadcast: a stride of 0 repeats.
 */
struct product {
    int64_t m, n, k;
    struct matrix a, b, c;
    float alpha, beta;
    int batch_rank;
    int64_t batch_dims[MAX_RANK];
    int64_t a_batch_strides[MAX_RANK], b_batch_strides[MAX_RANK]; /* in elements */
};

/* The state of a planned product. */
struct product_state {
    struct product product;
    bool b_packed;       /* the packed side is B (its columns are the rows of the matrix product), else A */
    int64_t matrices;    /* of the packed side */
    const float *packed; /* from the weight cache; NULL: packed into the workspace at run */
    size_t packed_bytes;
};

status product_prepare(struct op_call *call, const struct product *product, size_t *workspace_bytes, struct error *err);
status product_run(struct op_call *call, struct error *err);

#endif
