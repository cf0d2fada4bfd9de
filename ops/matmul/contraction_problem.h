/* What is contracted, dimension by dimension: what operators give to contraction_run(). */
#ifndef LIMNER_OPS_MATMUL_CONTRACTION_PROBLEM_H
#define LIMNER_OPS_MATMUL_CONTRACTION_PROBLEM_H

#include "base/tensor.h"

#define CONTRACTION_DIMS 26

struct contraction_dim {
    int64_t size, a, b, c; /* strides in elements */
    bool summed;
};

struct contraction {
    enum dtype dtype; /* FLOAT, DOUBLE, or an integer type, which wraps */
    int rank;
    struct contraction_dim dims[CONTRACTION_DIMS]; /* from the outermost inwards */
    const void *a, *b;
    void *c; /* dense; every element is written */
};

#endif
