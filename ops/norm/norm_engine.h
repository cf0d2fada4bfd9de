/*
 * The engine of normalizations: y = (x - mean) * inverse * scale + bias, with mean and inverse of each group of
 * numbers. An operator says which numbers are a group and where scale and bias lie (norm_view.h), and what `inverse`
 * is.
 */
#ifndef LIMNER_OPS_NORM_NORM_ENGINE_H
#define LIMNER_OPS_NORM_NORM_ENGINE_H

#include "ops/core/op.h"
#include "ops/norm/norm_job.h"

/* A layout of these dimensions, of which the last `reduced` ones belong to a group. No scale, no bias. */
struct norm_layout norm_layout_of(const struct shape *shape, int reduced);

/* Scale or bias is of this shape, which broadcasts to that of the layout, of the same rank or a higher one. */
void norm_layout_broadcast(struct norm_layout *layout, enum norm_array array, const struct shape *shape);

/* Workspace of norm_run(), which does nothing where x has no elements. */
size_t norm_workspace_bytes(const struct norm_layout *layout);
void norm_run(const struct op_call *call, const struct norm_job *job);

#endif
