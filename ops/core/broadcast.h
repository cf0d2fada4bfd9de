/* Numpy broadcasting: shapes that repeat along dimensions of size 1, right-aligned. */
#ifndef LIMNER_OPS_CORE_BROADCAST_H
#define LIMNER_OPS_CORE_BROADCAST_H

#include "ops/core/op.h"

/* The shape that inputs first..last broadcast to; STATUS_SHAPE names the two that do not fit and where. */
status broadcast_inputs(const struct op_call *call, int first, int last, struct shape *out, struct error *err);
/* True when `small` repeats to exactly `large`. */
bool broadcast_fits(const struct shape *small, const struct shape *large);

#define BROADCAST_MAX 3

/* How several dense arrays are walked side by side along an output: as few dimensions as their shapes allow. */
struct broadcast {
    int operands, rank; /* rank >= 1 */
    size_t dims[MAX_RANK];
    size_t strides[BROADCAST_MAX][MAX_RANK]; /* in elements; 0 along what repeats; 0 or 1 in the last dimension */
    size_t elements;                         /* of the output */
};

/* Every shape must broadcast to `out`. */
void broadcast_plan(struct broadcast *plan, const struct shape *out, const struct shape *const *shapes, int operands);

/* count elements of the output from element `out` on; operand k's first one is at[k], then every
 * plan->strides[k][rank-1]. */
typedef void broadcast_body(void *context, size_t out, const size_t *at, size_t count);

/* Calls body for all runs of output elements begin..end-1. */
void broadcast_walk(const struct broadcast *plan, size_t begin, size_t end, broadcast_body *body, void *context);

#endif
