/*
 * Large products with a constant right side by one level of Strassen's algorithm in Winograd's form (struct
 * strassen_kernel): seven products of halves in place of eight. For product.c alone.
 */
#ifndef LIMNER_OPS_MATMUL_STRASSEN_H
#define LIMNER_OPS_MATMUL_STRASSEN_H

#include "ops/matmul/product_packed.h"

/* Strips fit, sums of products are allowed and pay, and B's numbers are of sizes that can be made alike. */
bool strassen_fits(const struct op_call *call);
size_t strassen_workspace_bytes(const struct op_call *call);
/* As packed_run() for the whole of Y. */
void strassen_run(const struct op_call *call, const struct packed_data *data, float *workspace);

#endif
