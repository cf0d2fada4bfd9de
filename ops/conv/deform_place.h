/* Where the taps of a DeformConv meet its input: beside their places, bilinearly, with zeros outside. */
#ifndef LIMNER_OPS_CONV_DEFORM_PLACE_H
#define LIMNER_OPS_CONV_DEFORM_PLACE_H

#include "ops/conv/deform_geometry.h"

/* The four elements round a place, and how much of each; weights of what is outside are 0. */
struct deform_corners {
    int64_t index[4];
    double weight[4];
};

/* A float or double. */
static inline double real_at(const struct tensor *tensor, int64_t i) {
    return tensor->dtype == DTYPE_DOUBLE ? ((const double *)tensor->data)[i] : (double)((const float *)tensor->data)[i];
}

/* What a tap of an offset group meets at a position of the output. */
void deform_place(const struct op_call *call, const struct deform *d, int64_t n, int64_t offset_group, int64_t tap,
                  int64_t position, struct deform_corners *to);

#endif
