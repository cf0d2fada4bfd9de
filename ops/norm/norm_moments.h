/* The mean of numbers, and how far they are from it. */
#ifndef LIMNER_OPS_NORM_NORM_MOMENTS_H
#define LIMNER_OPS_NORM_NORM_MOMENTS_H

#include "base/tensor.h"
#include "ops/kernels/kernels.h"

#define NORM_SHORT 1024

/* What is wanted of a group. */
enum norm_measure {
    MEASURE_SPREAD,  /* the mean, and the squares of the distances from it */
    MEASURE_SQUARES, /* the squares; the mean is taken as 0 */
    MEASURE_ABSOLUTE /* the absolute values in the place of the squares; the mean is taken as 0 */
};

struct norm_moments {
    int64_t count;
    double mean, squares;
};

/* Adds the moments of more numbers (Chan, Golub and LeVeque 1979): no digits cancel. */
void norm_moments_add(struct norm_moments *to, const struct norm_moments *more);

struct row_spread;

/* Of a row of floats, not longer than NORM_SHORT, that a row kernel has measured; not for MEASURE_ABSOLUTE. */
struct norm_moments norm_moments_from(const struct row_spread *spread, enum norm_measure measure, const float *x,
                                      int64_t count);

/*
 * Of count > 0 neighbours of type FLOAT or DOUBLE. Rounding is that of sums in double precision, or of short ones in
 * single precision of distances from a number near the mean: it does not grow with the mean.
 */
struct norm_moments norm_moments_of(const struct kernels *kernels, enum dtype dtype, enum norm_measure measure,
                                    const void *x, int64_t count);

#endif
