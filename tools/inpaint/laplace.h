/* Laplace's equation over the pixels of holes: the smoothest continuation of what is known at their rims. */
#ifndef LIMNER_TOOLS_INPAINT_LAPLACE_H
#define LIMNER_TOOLS_INPAINT_LAPLACE_H

#include "base/status.h"

#include <stddef.h>
#include <stdint.h>

enum laplace_pixel {
    LAPLACE_NOTHING, /* no value, and none is wanted; neighbours do not see it */
    LAPLACE_UNKNOWN,
    LAPLACE_KNOWN
};

/*
 * values: `planes` planes of height * width, one behind the other, with numbers of about -1..1 at the known pixels.
 * Fills the unknown ones: each is the mean of its neighbours above, below, left and right that are known or unknown
 * (beyond the rectangle there are none). Unknown pixels that no way leads from to a known one become 0. The error is
 * below 1e-4; the same bits for any number of threads.
 *
 * Conjugate gradients in double, preconditioned by a multigrid cycle in float (aggregates of 2 by 2 pixels, Gauss and
 * Seidel's smoothing in two colours). Work and memory (about 65 bytes a pixel) grow with the rectangle's area.
 */
status laplace_solve(const uint8_t *pixels, size_t height, size_t width, float *values, int planes, int threads,
                     struct error *err);

#endif
