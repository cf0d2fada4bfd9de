/* Packing weights as direct sums walk them. */
#ifndef LIMNER_OPS_BLOCKED_DIRECT_PACK_H
#define LIMNER_OPS_BLOCKED_DIRECT_PACK_H

#include "ops/blocked/packing.h"

void direct_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                 float *packed);

#endif
