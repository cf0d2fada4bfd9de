/* How far two tensors are apart. */
#ifndef LIMNER_TOOLS_ENGINE_DIFFERENCE_H
#define LIMNER_TOOLS_ENGINE_DIFFERENCE_H

#include "base/tensor.h"

/*
 * |actual - expected| <= absolute + relative * |expected|. Unless `absolute` was given, it is a part (DIFFERENCE_PART)
 * of the largest finite |expected| of the tensor: what rounding does is as large as the numbers that were added up; and
 * `relative` is no less than two steps of the element type.
 */
struct tolerance {
    double relative, absolute; /* absolute below zero: not given */
    int steps;                 /* by which integers of 8 bits may differ */
};

/* Rows of an option table for a settings type with a member `tolerance`. */
#define TOLERANCE_OPTIONS(settings)                                                                            \
    {"rtol",     0,                                                                                            \
     "R",        "allow an error of R times the expected number (default: 1e-3) ...",                          \
     set_number, offsetof(settings, tolerance.relative)},                                                      \
        {"atol",     0,                                                                                        \
         "A",        "... plus A (default: 1e-4 of the largest number expected in that tensor)",               \
         set_number, offsetof(settings, tolerance.absolute)},                                                  \
    {                                                                                                          \
        "steps", 0, "N", "allow integers of 8 bits, which are roundings of sums, to differ by N (default: 0)", \
            set_count, offsetof(settings, tolerance.steps)                                                     \
    }
#define DIFFERENCE_PART 1e-4
#define TOLERANCE_DEFAULT \
    { 1e-3, -1, 0 }

struct difference {
    size_t elements, outside; /* how many there are, and are further apart than allowed */
    size_t first;             /* the first of those outside */
    size_t worst;             /* where the largest error stands */
    double largest, mean;     /* absolute errors; infinite where NaN or infinities disagree */
    double low, high;         /* of the finite expected numbers; NaN without any */
    struct tolerance allowed; /* as it was used */
};

/* The largest error as a part of the largest expected number (of 1, where all are 0). */
double difference_part(const struct difference *difference);

/*
 * Of tensors of one type and shape. Floats by the tolerance, integers of 8 bits (samples of pictures, quantized
 * numbers: roundings of sums) by its steps, NaN equals NaN; all other types exactly. Types that are neither numbers nor
 * text are compared byte for byte and have no errors, only `outside`.
 */
struct difference difference_measure(const struct tensor *actual, const struct tensor *expected,
                                     const struct tolerance *tolerance);

/* STATUS_SHAPE, naming both, when the types or shapes differ. */
status difference_check_kind(const struct tensor *actual, const struct tensor *expected, struct error *err);

#endif
