/* A contraction as a product of matrices: which of its dimensions are rows, columns, depth, and a batch. */
#ifndef LIMNER_OPS_MATMUL_CONTRACTION_FORM_H
#define LIMNER_OPS_MATMUL_CONTRACTION_FORM_H

#include "ops/matmul/contraction_problem.h"

enum group { BATCH, ROWS, COLUMNS_OF_C, DEPTH, GROUPS };
enum array { A, B, C, ADDEND, ARRAYS };

/* Dimensions of one kind. */
struct dims {
    int rank;
    int64_t count; /* of all places */
    int64_t size[CONTRACTION_DIMS], strides[CONTRACTION_DIMS][ARRAYS];
};

/* As a product of matrices: a[batch][row][depth] * b[batch][depth][column]. */
struct product_form {
    struct dims groups[GROUPS];
    bool tiles;   /* by tile_product(), whose right side is b */
    bool swapped; /* a and b have changed places */
};

struct product_form contraction_form_of(const struct contraction *contraction);
/* Where the index-th of all places is. */
int64_t dims_place(const struct dims *dims, enum array array, int64_t index);
/* All places are so far from one to the next. */
bool dims_even(const struct dims *dims, enum array array, int64_t *stride);
/* Places of the innermost dimensions that follow each other evenly in all arrays, and how far they are apart in one. */
int64_t dims_run(const struct dims *dims);
int64_t dims_step(const struct dims *dims, enum array array);

#endif
