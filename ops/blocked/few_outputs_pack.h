/* Packing the weights of the few-output convolution. */
#ifndef LIMNER_OPS_BLOCKED_FEW_OUTPUTS_PACK_H
#define LIMNER_OPS_BLOCKED_FEW_OUTPUTS_PACK_H

#include "ops/blocked/packing.h"

void few_outputs_pack(const struct pack_job *job, const struct window_weights *weights, const struct pack_slice *slice,
                      float *packed);

#endif
