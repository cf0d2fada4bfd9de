/* Nearest: elements of any type are copied. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_NEAREST_H
#define LIMNER_OPS_RESIZE_RESIZE_NEAREST_H

#include "ops/resize/resize_taps.h"

/* taps[d]: of dimension d of input 0 as it lies in memory; NULL where it does not change. */
void resize_nearest(const struct op_call *call, const struct resize_taps *const *taps);

#endif
