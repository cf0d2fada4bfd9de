/*
 * A dense tensor as normalizations see it: groups of numbers that have a mean together, and the scale and the bias that
 * belong to each number. Dimensions of size 1 are left out, neighbours are one where they can be.
 */
#ifndef LIMNER_OPS_NORM_NORM_VIEW_H
#define LIMNER_OPS_NORM_NORM_VIEW_H

#include "base/tensor.h"

#define NORM_RANK (MAX_RANK + 1) /* a dimension of channels may be two: groups, and the channels of each */

/* The arrays that are walked together. */
enum norm_array { NORM_X, NORM_SCALE, NORM_BIAS, NORM_ARRAYS };

/* Dimensions from the outermost inwards, with the strides of each array in elements, 0 where it repeats. */
struct norm_dims {
    int rank;
    int64_t size[NORM_RANK];
    int64_t strides[NORM_RANK][NORM_ARRAYS];
};

struct norm_layout {
    struct norm_dims dims; /* the strides of x are set by norm_view() */
    bool reduced[NORM_RANK];
};

/*
 * The same, sorted. The innermost dimension, where neighbours in memory are, is `inner`: part of a group, or, where
 * `columns` is true, numbers of as many groups.
 */
struct norm_view {
    struct norm_dims kept, reduced; /* without the innermost dimension */
    int64_t groups, positions;      /* products of their sizes */
    bool columns;
    int64_t inner;
    int64_t inner_strides[NORM_ARRAYS];
};

/* with_scale: else scale and bias are not looked at, and more dimensions become one. */
struct norm_view norm_view(const struct norm_layout *layout, bool with_scale);

/* Where the index-th position of these dimensions is in an array. */
int64_t norm_offset(const struct norm_dims *dims, enum norm_array array, int64_t index);

/* Numbers of a group; how many groups there are. */
static inline int64_t norm_group_size(const struct norm_view *view) {
    return view->positions * (view->columns ? 1 : view->inner);
}
static inline int64_t norm_group_count(const struct norm_view *view) {
    return view->groups * (view->columns ? view->inner : 1);
}

#endif
