/*
 * The engine of normalizations: y = (x - mean) * inverse * scale + bias, with mean and inverse of each group of
 * numbers. An operator says which numbers are a group and where scale and bias lie (norm_view.h), and what `inverse`
 * is.
 */
#ifndef LIMNER_OPS_NORM_NORM_ENGINE_H
#define LIMNER_OPS_NORM_NORM_ENGINE_H

#include "ops/core/op.h"
#include "ops/norm/norm_moments.h"
#include "ops/norm/norm_view.h"

#define NORM_CHUNK 16384 /* numbers of a group that one thread takes */

/* What x - mean is multiplied by. */
enum norm_inverse {
    INVERSE_VARIANCE,  /* 1 / sqrt(variance + epsilon) */
    INVERSE_DEVIATION, /* 1 / (sqrt(variance) + epsilon) */
    INVERSE_LENGTH,    /* 1 / the Euclidean norm, 0 for 0 */
    INVERSE_ABSOLUTE   /* 1 / the sum of absolute values, 0 for 0 */
};

struct norm_job {
    struct norm_layout layout;
    enum dtype dtype; /* of all arrays: FLOAT or DOUBLE */
    bool centered;    /* else the mean is taken as 0 */
    enum norm_inverse inverse;
    double epsilon;
    /* Scale and bias NULL: none. A bias has a scale. Where groups lie side by side they have a number for each group,
       and the same strides. */
    const void *x, *scale, *bias;
    void *y; /* may be x */
    /* Told of every group, from any thread, before anything of it is written to y, or while that happens where the
       group has more than NORM_CHUNK numbers. NULL: nobody asks. */
    void (*found)(const struct norm_job *job, int64_t group, const struct norm_moments *moments, double inverse);
    const void *context; /* for found() */
};

/* A layout of these dimensions, of which the last `reduced` ones belong to a group. No scale, no bias. */
struct norm_layout norm_layout_of(const struct shape *shape, int reduced);

/* Scale or bias is of this shape, which broadcasts to that of the layout, of the same rank or a higher one. */
void norm_layout_broadcast(struct norm_layout *layout, enum norm_array array, const struct shape *shape);

/* Workspace of norm_run(), which does nothing where x has no elements. */
size_t norm_workspace_bytes(const struct norm_layout *layout);
void norm_run(const struct op_call *call, const struct norm_job *job);

#endif
