/* A contraction as a product of matrices: a[batch][row][depth] * b[batch][depth][column]. For its own files alone. */
#ifndef LIMNER_OPS_MATMUL_CONTRACTION_FORM_H
#define LIMNER_OPS_MATMUL_CONTRACTION_FORM_H

#include "ops/matmul/contraction_problem.h"

enum contraction_group { BATCH, ROWS, COLUMNS_OF_C, DEPTH, GROUPS };
enum contraction_array { A, B, C, ARRAYS };

/* Dimensions of one kind. */
struct contraction_dims {
    int rank;
    int64_t count; /* of all places */
    int64_t size[CONTRACTION_DIMS], strides[CONTRACTION_DIMS][ARRAYS];
};

struct contraction_form {
    struct contraction_dims groups[GROUPS];
    bool tiles;   /* by tile_product(), whose right side is b */
    bool swapped; /* a and b have changed places */
};

/* Which dimensions are rows, columns, depth, batch. */
struct contraction_form contraction_form_of(const struct contraction *c);
/* Where the index-th place of these dimensions is in an array. */
int64_t contraction_place(const struct contraction_dims *dims, enum contraction_array array, int64_t index);
/* All places are so far from one to the next. */
bool contraction_is_even(const struct contraction_dims *dims, enum contraction_array array, int64_t *stride);

#endif
