/* How far two tensors are apart. */
#ifndef LIMNER_TOOLS_ENGINE_DIFFERENCE_H
#define LIMNER_TOOLS_ENGINE_DIFFERENCE_H

#include "base/tensor.h"

/* |actual - expected| <= absolute + relative * |expected| */
struct tolerance {
    double relative, absolute;
};
#define TOLERANCE_DEFAULT \
    { 1e-3, 1e-4 }

struct difference {
    size_t elements, outside; /* how many there are, and are further apart than allowed */
    size_t first;             /* the first of those outside */
    size_t worst;             /* where the largest error stands */
    double largest, mean;     /* absolute errors; infinite where NaN or infinities disagree */
    double low, high;         /* of the finite expected numbers; NaN without any */
};

/*
 * Of tensors of one type and shape. Floats by the tolerance, NaN equals NaN; all other types exactly. Types that are
 * neither numbers nor text are compared byte for byte and have no errors, only `outside`.
 */
struct difference difference_measure(const struct tensor *actual, const struct tensor *expected,
                                     const struct tolerance *tolerance);

/* STATUS_SHAPE, naming both, when the types or shapes differ. */
status difference_check_kind(const struct tensor *actual, const struct tensor *expected, struct error *err);

#endif
