/* Einsum's equation: which dimension of which operand has which label. */
#ifndef LIMNER_OPS_MATMUL_EINSUM_EQUATION_H
#define LIMNER_OPS_MATMUL_EINSUM_EQUATION_H

#include "base/tensor.h"

#define EINSUM_OPERANDS 16
#define EINSUM_LETTERS 52
#define EINSUM_LABELS (EINSUM_LETTERS + MAX_RANK) /* letters, then the dimensions of "...", the last one last */

/* The labels of a tensor's dimensions. */
struct einsum_term {
    int rank;
    int labels[MAX_RANK];
};

struct einsum_equation {
    int operands;
    struct einsum_term terms[EINSUM_OPERANDS], output;
};

/* Reads an equation for operands of these ranks. Spaces do not count. */
status einsum_parse(const char *text, const int *ranks, int operands, struct einsum_equation *out, struct error *err);

#endif
