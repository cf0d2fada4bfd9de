/*
 * Large products with a constant right side by one level of Strassen's algorithm in Winograd's form (struct
 * strassen_kernel): seven products of halves in place of eight. For product_run.c alone.
 */
#ifndef LIMNER_OPS_MATMUL_STRASSEN_H
#define LIMNER_OPS_MATMUL_STRASSEN_H

#include "ops/matmul/product_packed.h"

/* There is something to halve, the algorithm is allowed and pays, and scaling can bring B's columns to one size. */
bool strassen_fits(const struct op_call *call);
size_t strassen_workspace_bytes(const struct op_call *call);
/* As packed_run() for the whole of Y. */
void strassen_run(const struct op_call *call, const struct packed_data *data, float *workspace);

#endif
