#include "ops/conv/deform_place.h"

#include <math.h>

static void find_corners(const struct deform_axis axis[2], double y, double x, double factor,
                         struct deform_corners *to) {
    const double bottom = (double)axis[0].in, right = (double)axis[1].in;
    const bool near = y > -1 && y < bottom && x > -1 && x < right;
    const double top = near ? (double)((int64_t)(y + 1) - 1) : 0, left = near ? (double)((int64_t)(x + 1) - 1) : 0;
    for (int k = 0; k < 4; k++) {
        const double row = top + (k >> 1), column = left + (k & 1);
        const bool inside = near && row >= 0 && row < bottom && column >= 0 && column < right;
        to->index[k] = inside ? (int64_t)row * axis[1].in + (int64_t)column : 0;
        to->weight[k] = inside ? (1 - fabs(y - row)) * (1 - fabs(x - column)) * factor : 0;
    }
}

void deform_place(const struct op_call *call, const struct deform *d, int64_t n, int64_t offset_group, int64_t tap,
                  int64_t position, struct deform_corners *to) {
    const int64_t plane = d->axis[0].out * d->axis[1].out, taps = d->axis[0].kernel * d->axis[1].kernel;
    const int64_t row = position / d->axis[1].out, column = position % d->axis[1].out;
    const int64_t at = ((n * d->offset_groups + offset_group) * taps + tap) * plane + position;
    const int64_t offset = at - position + ((n * d->offset_groups + offset_group) * taps + tap) * plane + position;
    const struct tensor *mask = op_input(call, 4);
    const int64_t tap_row = tap / d->axis[1].kernel, tap_column = tap % d->axis[1].kernel;
    const int64_t y = row * d->axis[0].stride - d->axis[0].pad + tap_row * d->axis[0].dilation;
    const int64_t x = column * d->axis[1].stride - d->axis[1].pad + tap_column * d->axis[1].dilation;
    find_corners(d->axis, (double)y + real_at(call->inputs[2], offset),
                 (double)x + real_at(call->inputs[2], offset + plane), mask ? real_at(mask, at) : 1, to);
}
