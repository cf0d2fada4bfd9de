/* The numbers of MatMulNBits: as floats, column by column and tile by tile, and products with 4-bit ones as they are.
 */
#ifndef LIMNER_OPS_QUANT_MATMUL_NBITS_NUMBERS_H
#define LIMNER_OPS_QUANT_MATMUL_NBITS_NUMBERS_H

#include "base/sizes.h"
#include "ops/core/op.h"
#include "ops/matmul/gemm.h"

enum nbits_input { IN_A, IN_B, IN_SCALES, IN_ZEROS, IN_GROUPS, IN_BIAS };

struct nbits_params {
    int64_t depth, columns, bits, block;
};

static inline int64_t nbits_blocks(const struct nbits_params *p) {
    return divide_up(p->depth, p->block);
}

/* Bytes of the zero points of a column. */
static inline int64_t nbits_zero_bytes(const struct nbits_params *p) {
    return divide_up(nbits_blocks(p) * p->bits, 8);
}

/* Depths depth0 .. depth0 + depth - 1 of a column. */
void nbits_column(const struct op_call *call, int64_t column, int64_t depth0, int64_t depth, float *to);
/* A tile of the right side, for gemm.h, whose context is the call; of any numbers, and of those that are halves. */
void nbits_fetch(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                 float *tile);
void nbits_fetch_halves(const struct gemm_job *job, int64_t column0, int count, int64_t depth0, int depth, int width,
                        float *tile);

/* Numbers of 4 bits in the order of blocks, which have kernels of their own (ops/kernels/bits.h). */
bool nbits_is_halves(const struct op_call *call);
/* The depth in whole groups of the kernel: floats of a row of A in the workspace. */
int64_t nbits_whole_groups(int64_t depth);
/* Rows of A into the workspace in the order of the kernel, 1 or HALVES_ROWS of them; a column by these. */
void nbits_order_rows(const struct op_call *call, int64_t rows);
void nbits_column_by_rows(const struct op_call *call, int64_t column, int64_t rows, float *sums);

#endif
