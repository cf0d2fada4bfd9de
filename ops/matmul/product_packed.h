/*
 * Products with a constant right side, whose columns lie packed in channel blocks: the rows of A are the pixels of the
 * matrix core of ops/kernels (struct block_kernel), read where they lie. For product_run.c and strassen.c alone.
 */
#ifndef LIMNER_OPS_MATMUL_PRODUCT_PACKED_H
#define LIMNER_OPS_MATMUL_PRODUCT_PACKED_H

#include "ops/matmul/product.h"

/* The numbers of a row of A stand side by side, and B is constant. */
bool packed_fits(const struct op_call *call, const struct matrix_product *product);
/* Packs B, or takes it from the cache, into state->packed; NULL there without memory. */
void packed_take_weights(struct op_call *call, struct product_state *state);
/* Where the columns of a matrix of B lie packed, in floats, from the panel that begins with channel block `block`. */
static inline int64_t packed_place(const struct matrix_product *product, int64_t block) {
    return block * CHANNEL_BLOCK * product->k;
}
/* The sums of squares of every column of B, matrix by matrix: they stand behind the packed columns. */
const double *packed_squares(const struct product_state *state);
/* The sums of fourth powers, which follow them. */
const double *packed_fourths(const struct product_state *state);

#define N_BLOCK 4 /* channel blocks of an n-block, at most: the columns that a thread computes together */
#define N_BLOCK_LANES (N_BLOCK * CHANNEL_BLOCK)

/* The whole of A, and C, which may be NULL, and Y. */
struct packed_data {
    const float *a, *c;
    float *y;
};
/* Some rows and channel blocks of Y, of every matrix of a batch. */
struct packed_area {
    int64_t row0, rows, block0, blocks;
};

/* Some rows of one matrix of the batch (an m-block) by an n-block of its columns. */
struct packed_piece {
    const struct product_state *state;
    const struct kernels *kernels;
    struct packed_data data;
    const float *packed; /* this matrix of B */
    float *sums;         /* sums[row][lanes] */
    int64_t row0, block;
    int count, blocks;
    bool last; /* of its n-block: the next thing that this thread reads are other weights */
};

size_t packed_workspace_bytes(int threads);
void packed_run(const struct op_call *call, const struct packed_data *data, const struct packed_area *area,
                float *workspace);
/* Adds the products of the depths from `from` on to the sums, which begin there when it is 0, and writes Y. */
void packed_finish(const struct packed_piece *piece, int64_t from);

#endif
