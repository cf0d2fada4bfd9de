/* The geometry of a DeformConv: its attributes and the shapes of its inputs, checked against each other. */
#ifndef LIMNER_OPS_CONV_DEFORM_GEOMETRY_H
#define LIMNER_OPS_CONV_DEFORM_GEOMETRY_H

#include "ops/conv/window.h"
#include "ops/core/op.h"

struct deform_params {
    struct window_params window;
    int64_t offset_groups;
};

struct deform_axis {
    int64_t in, out, kernel, stride, dilation, pad;
};

struct deform {
    int64_t batch, in, out, group, offset_groups; /* channels of all groups */
    struct deform_axis axis[2];
};

/* Data need not be known. Sizes are within WINDOW_LIMIT, planes within INT32_MAX. */
status deform_resolve(const struct op_call *call, struct deform *d, struct error *err);

#endif
