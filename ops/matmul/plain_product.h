/* Products of the element types that have no engine of their own: double, int32, int64, uint32, uint64. */
#ifndef LIMNER_OPS_MATMUL_PLAIN_PRODUCT_H
#define LIMNER_OPS_MATMUL_PLAIN_PRODUCT_H

#include "ops/matmul/product.h"

/* Whole of output 0, for the element type of input 0. Integers wrap; with factors that are not 1 they are computed in
 * double precision at the end. */
void plain_product(const struct op_call *call, const struct matrix_product *product);

#endif
