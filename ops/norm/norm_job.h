/* What is to be normalized, and how: what operators give to the engine. */
#ifndef LIMNER_OPS_NORM_NORM_JOB_H
#define LIMNER_OPS_NORM_NORM_JOB_H

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

#endif
