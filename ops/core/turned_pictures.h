/*
 * Pictures of floats turned so that the channels of a pixel lie side by side: what samples many channels at the same
 * places then reads rows in place of single numbers.
 */
#ifndef LIMNER_OPS_CORE_TURNED_PICTURES_H
#define LIMNER_OPS_CORE_TURNED_PICTURES_H

#include "ops/core/op.h"
#include "ops/kernels/resize.h"

#define TURNED_CHANNELS 8 /* from so many on it pays */
#define TURNED_TAPS 4

/* x is [picture][channel][pixel...] of FLOAT, `to` has room for as many: [picture][pixel][channel]. */
void turn_pictures(const struct op_call *call, const struct tensor *x, float *to);

/*
 * y[channel * stride + place] = the sum of weights[t][place] * picture[index[t][place] * channels + channel], for
 * channels first .. first + count; picture is x of the gather, y its y. A negative index counts as zero. TURNED_TAPS
 * taps at most.
 */
struct turned_gather {
    struct resize_gather gather; /* count: of places */
    int64_t channels, first, count;
    size_t stride;
};
void turned_gather(const struct kernels *kernels, const struct turned_gather *turned);

#endif
