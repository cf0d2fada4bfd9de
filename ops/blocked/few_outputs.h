/* The convolution with few output channels, from channel blocks into a plain tensor. */
#ifndef LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H
#define LIMNER_OPS_BLOCKED_FEW_OUTPUTS_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm few_outputs_algorithm;

#endif
