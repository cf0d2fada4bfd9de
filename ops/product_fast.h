/*
 * Large products with a constant right side by one level of Strassen's algorithm in Winograd's form (struct
 * quarter_kernel): seven products of halves in place of eight. For product.c alone.
 */
#ifndef LIMNER_OPS_PRODUCT_FAST_H
#define LIMNER_OPS_PRODUCT_FAST_H

#include "ops/product_strips.h"

/* Strips fit, sums of products are allowed and pay, and B's numbers are of sizes that can be made alike. */
bool fast_fits(const struct op_call *call);
size_t fast_workspace_bytes(const struct op_call *call);
/* As strips_run() for the whole of Y. */
void fast_run(const struct op_call *call, const struct strips_data *data, float *workspace);

#endif
