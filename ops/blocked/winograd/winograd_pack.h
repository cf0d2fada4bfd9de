/* Packing weights for Winograd: transformed, or as taps. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PACK_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PACK_H

#include "ops/blocked/packing.h"

void winograd_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                   float *packed);

#endif
