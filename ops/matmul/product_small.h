/*
 * Products without channel blocks or panels of both sides: few rows by a B that is read where it lies; few columns, by
 * an A that is; and products whose B, packed in tiles of columns, stays in the caches.
 */
#ifndef LIMNER_OPS_MATMUL_PRODUCT_SMALL_H
#define LIMNER_OPS_MATMUL_PRODUCT_SMALL_H

#include "ops/matmul/product.h"

/* Whether these ways can be taken, and are worth it. Rows have the same bits by tiles as by themselves. */
bool product_has_few_rows(const struct matrix_product *product);
bool product_has_few_columns(const struct matrix_product *product);
bool product_has_tiles(const struct matrix_product *product);
/* For state->way. *workspace_bytes is set. A constant B is packed, if it is a single matrix. */
status product_small_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err);
void product_small_run(const struct op_call *call);

#endif
