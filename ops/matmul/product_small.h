/*
 * Products of two matrices neither of which is constant, where packing must not cost more than the product: few rows by
 * a matrix that is read where it lies, and small matrices by tiles (contraction.h). For product_run.c alone.
 */
#ifndef LIMNER_OPS_MATMUL_PRODUCT_SMALL_H
#define LIMNER_OPS_MATMUL_PRODUCT_SMALL_H

#include "ops/matmul/product.h"

enum product_way product_small_way(const struct op_call *call, const struct matrix_product *product);
status product_small_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err);
void product_small_run(const struct op_call *call);

#endif
