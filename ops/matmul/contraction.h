/*
 * The contraction of two strided arrays: c = sum of a * b over what they have together and c has not. Its dimensions
 * are given one by one, each with a stride in every array (0 where the array has it not, or repeats).
 */
#ifndef LIMNER_OPS_MATMUL_CONTRACTION_H
#define LIMNER_OPS_MATMUL_CONTRACTION_H

#include "ops/core/op.h"
#include "ops/matmul/contraction_problem.h"

/* Workspace of contraction_run(); raises call->own_bytes to what its threads need. a, b and c are not looked at. */
status contraction_prepare(struct op_call *call, const struct contraction *contraction, size_t *workspace_bytes,
                           struct error *err);
void contraction_run(const struct op_call *call, const struct contraction *contraction, void *workspace);

#endif
