/* Packing weights in the order in which the direct convolution reads them. */
#ifndef LIMNER_OPS_BLOCKED_DIRECT_PACK_H
#define LIMNER_OPS_BLOCKED_DIRECT_PACK_H

#include "ops/blocked/packing.h"

void direct_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed);

#endif
