/* Element types of interpolation: what they are computed in, and the way there and back. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_NUMBERS_H
#define LIMNER_OPS_RESIZE_RESIZE_NUMBERS_H

#include "base/tensor.h"
#include "ops/kernels/kernels.h"

/* Numbers of a type become floats or doubles, and these are rounded to the nearest number of the type. */
struct resize_numbers {
    size_t size; /* of what it is computed in: a float, or a double */
    bool same;   /* that is the type itself: there is nothing to convert */
    void (*load)(const void *from, void *to, int64_t count);
    void (*store)(const void *from, void *to, int64_t count);
};

/* NULL for types that cannot be interpolated. */
const struct resize_numbers *resize_numbers_of(enum dtype dtype);

/* The inner loops for floats, or for doubles. */
const struct resize_kernel *resize_loops(const struct kernels *kernels, const struct resize_numbers *numbers);

#endif
