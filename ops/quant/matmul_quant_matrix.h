/* Products of 8-bit integers, one matrix of the batch at a time, and what their sums become. */
#ifndef LIMNER_OPS_QUANT_MATMUL_QUANT_MATRIX_H
#define LIMNER_OPS_QUANT_MATMUL_QUANT_MATRIX_H

#include "base/thread_team.h"
#include "ops/matmul/matmul_shape.h"
#include "ops/quant/columns.h"
#include "ops/quant/dynamic.h"
#include "ops/quant/steps.h"

/* Which inputs an operator has; 0: none (input 0 is A). */
struct quant_matmul_row {
    int a_scale, a_zero, b, b_scale, b_zero, y_scale, y_zero, bias;
    bool dynamic; /* A is float, and quantized here */
};

/* A call. */
struct quant_product {
    const struct op_call *call;
    const struct quant_matmul_row *row;
    struct matrix_product shape;
    struct quant_terms a_scale, a_zero, b_scale, b_zero;
    float y_scale, y_zero;
    const void *a_data;
    enum dtype a_type;
    struct dynamic_range range; /* of a dynamic one */
    struct quant_rows rows;     /* of A */
    struct quant_columns columns;
    const uint32_t *packed; /* B of this matrix */
    int32_t *left, *sums;   /* A as it is packed, and what its rows sum up to */
    uint32_t *less, *zeros; /* of columns, for settle() */
    float *scales;
    int64_t matrix;
    int32_t first_zero; /* left_zero() of the first row */
};

/* Of a thread. */
size_t quant_product_own_bytes(const struct quant_product *p);
/* Multiplies matrix p->matrix, whose B is packed in p->packed. */
void quant_product_run(struct quant_product *p);

#endif
