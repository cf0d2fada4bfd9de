/* Products by whichever way fits: which is chosen when a call is prepared. */
#ifndef LIMNER_OPS_MATMUL_PRODUCT_RUN_H
#define LIMNER_OPS_MATMUL_PRODUCT_RUN_H

#include "ops/matmul/product.h"

status product_prepare(struct op_call *call, const struct matrix_product *product, size_t *workspace_bytes,
                       struct error *err);
status product_run(struct op_call *call, struct error *err);

#endif
