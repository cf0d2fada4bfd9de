/* Depthwise convolution and groups of a few channels, on channel blocks. */
#ifndef LIMNER_OPS_BLOCKED_GROUPED_H
#define LIMNER_OPS_BLOCKED_GROUPED_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm grouped_algorithm;

#endif
