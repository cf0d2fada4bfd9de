/* What becomes of every dimension of a Resize: sizes, scales, and the part of the picture that is taken. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_AXES_H
#define LIMNER_OPS_RESIZE_RESIZE_AXES_H

#include "ops/resize/resize_params.h"

struct resize_axis {
    int64_t in, out;
    double scale;      /* above 0 */
    double length;     /* of the output: scale * in, which need not be whole, or `out` */
    double start, end; /* RESIZE_CROP: 0 and 1 are the middles of the first and the last element */
    bool changes;      /* false: the output is the input along this axis */
};

/* The picture as the specification sees it: of a node on channel blocks [N,C,H,W]. */
struct shape resize_input_shape(const struct op_call *call);

/*
 * One for each dimension of the input. STATUS_NEEDS_VALUE while scales, sizes, or the roi that counts are not known;
 * STATUS_SHAPE, STATUS_INVALID_MODEL and STATUS_LIMIT with what is wrong about them.
 */
status resize_axes(const struct op_call *call, struct resize_axis axes[MAX_RANK], struct error *err);

#endif
