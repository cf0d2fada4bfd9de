/*
 * How Strassen's algorithm halves a product, and the left sides of its seven products: sums of the rows of pairs,
 * scaled.
 */
#ifndef LIMNER_OPS_MATMUL_STRASSEN_LEFT_H
#define LIMNER_OPS_MATMUL_STRASSEN_LEFT_H

#include "ops/matmul/product_packed.h"

struct strassen_halves {
    int64_t rows, half;     /* of a row of the batch; pairs that they make */
    int64_t pairs, group;   /* of all; that are computed together */
    int64_t depth, k_block; /* channel blocks of half the depth; of a k-block of it */
    int64_t n_pairs;        /* pairs of n-blocks */
    int tile, width;        /* pairs of a tile; channel blocks of a panel of B */
    int64_t padded;         /* pairs of a group in whole tiles */
    int64_t sums;           /* floats of a product's sums, with space for one tile more */
    int64_t k_block_floats; /* of an n-block */
};

struct strassen_call {
    const struct op_call *call;
    const struct matrix_product *product;
    const struct packed_data *data;
    struct strassen_halves halves;
    float *factors; /* of every pair: the upper row's, the lower one's; NaN: the pair is multiplied directly */
    float *left, *scratch;
};

/* Pairs of rows that are computed together. */
struct strassen_group {
    const struct strassen_call *run;
    int64_t first, count, padded;
};

struct strassen_halves strassen_halves_of(const struct matrix_product *product, const struct kernels *kernels);
/*
 * Whether so many numbers, about, make up a norm. Errors are relative to the norms of rows and columns: where a few
 * numbers are far above all others, what they meet may be small, and the sum of all others loses its digits.
 */
bool strassen_is_balanced(double squares, double fourths);
/*
 * The power of two that brings numbers with this sum of squares to a norm of about 1; `back` undoes it, NaN where
 * numbers are not finite.
 */
float strassen_scale(double squares, float *back);

/* Forms the left sides of pairs first..end of a struct strassen_group; for team_for. */
void strassen_form_pairs(void *context, int64_t first, int64_t end);
/* Where that of a product lies, from this channel block on: [k-block][product][tile][channel block][pair of the
 * tile][16]. */
float *strassen_left_place(const struct strassen_group *group, int64_t from, int64_t blocks, int64_t product,
                           int64_t pair);

#endif
