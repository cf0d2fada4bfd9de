/* The convolution with lanes that are pixels: from channel blocks into few planes, or from few planes into either. */
#ifndef LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H
#define LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm few_outputs_algorithm;

/* Whether it is worth it, and can be done, for so many planes and such taps of a row, whatever the outputs are. */
bool few_outputs_of_planes(int64_t channels, int64_t taps, int64_t stride, int64_t dilation);

#endif
