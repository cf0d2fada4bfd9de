/* Linear and cubic: an axis after the other, the innermost ones first, two neighbouring ones at a time. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_FILTER_H
#define LIMNER_OPS_RESIZE_RESIZE_FILTER_H

#include "ops/resize/resize_taps.h"

/* What is computed at once: rows of columns of `inner` numbers, `outer` times. */
struct resize_stage {
    int64_t outer, inner;
    struct {
        int64_t in, out;
        int64_t taps;
        int axis; /* whose tables these are; -1: it does not change */
    } rows, columns;
};

/* As many as there are dimensions, at most. Adds their number to *count; axes as they lie in memory. */
void resize_stages(const struct resize_params *params, const struct resize_axis *axes, int rank,
                   struct resize_stage stages[MAX_RANK], int *count);
/* Workspace besides the tables: what all threads share, and what each has for itself; false when that overflows. */
bool resize_filter_bytes(const struct resize_stage *stages, int count, enum dtype dtype, size_t *shared, size_t *own);
/* shared: of so many bytes. taps: by axis, as the stages say. */
void resize_filter(const struct op_call *call, const struct resize_stage *stages, int count,
                   const struct resize_taps *const *taps, char *shared);

#endif
