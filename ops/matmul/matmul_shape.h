/* How numpy's matmul sees its operands: lists of matrices that broadcast. */
#ifndef LIMNER_OPS_MATMUL_MATMUL_SHAPE_H
#define LIMNER_OPS_MATMUL_MATMUL_SHAPE_H

#include "ops/matmul/product.h"

/* What FusedMatMul (com.microsoft) adds: matrices are transposed beforehand, and the product is scaled. */
struct matmul_params {
    bool fused; /* false: the others do not count */
    bool transpose_a, transpose_b;
    bool batch_a, batch_b; /* dimension 0 is that of rows: see matmul_expand() */
    float alpha;
};

/* Inputs 0 and `right` as a product; params may be NULL. STATUS_SHAPE when they do not fit. */
status matmul_product(const struct op_call *call, int right, const struct matmul_params *params,
                      struct matrix_product *product, struct error *err);
/* Describes output 0 of it. */
status matmul_describe(struct op_call *call, int right, const struct matmul_params *params, enum dtype dtype,
                       struct error *err);
/* All rows of A at once when B is one matrix: the batch becomes part of m. */
void matmul_merge_batch(const struct op_call *call, int right, const struct matmul_params *params,
                        struct matrix_product *product);
/* STATUS_SHAPE: inputs 0 and `right` cannot be multiplied. */
status matmul_fail(const struct op_call *call, int right, struct error *err);

#endif
