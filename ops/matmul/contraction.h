/*
 * The contraction of two strided arrays: c = sum of a * b over what they have together and c has not. Its dimensions
 * are given one by one, each with a stride in every array (0 where the array has it not, or repeats).
 */
#ifndef LIMNER_OPS_MATMUL_CONTRACTION_H
#define LIMNER_OPS_MATMUL_CONTRACTION_H

#include "ops/core/op.h"

#define CONTRACTION_DIMS 26

struct contraction_dim {
    int64_t size, a, b, c; /* strides in elements */
    bool summed;
    int64_t addend; /* stride in that of struct contraction_end */
};

/* What becomes of the sums: alpha * sum + beta * addend. */
struct contraction_end {
    float alpha, beta;
    const float *addend; /* NULL: nothing is added */
};

struct contraction {
    enum dtype dtype; /* FLOAT, DOUBLE, or an integer type, which wraps */
    int rank;
    struct contraction_dim dims[CONTRACTION_DIMS]; /* from the outermost inwards */
    const void *a, *b;
    void *c;                           /* dense; every element is written */
    const float *packed;               /* b by tile_pack(), where it is a single matrix; NULL: packed when it runs */
    const struct contraction_end *end; /* NULL: none. Of FLOAT with CONTRACTION_TILE columns or more alone */
};

#define CONTRACTION_TILE 8 /* columns (dimensions of b and c alone) from which on b is packed */

/* Workspace of contraction_run(); raises call->own_bytes to what its threads need. a, b and c are not looked at. */
status contraction_prepare(struct op_call *call, const struct contraction *contraction, size_t *workspace_bytes,
                           struct error *err);
void contraction_run(const struct op_call *call, const struct contraction *contraction, void *workspace);

#endif
