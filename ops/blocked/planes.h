/* The depthwise convolution from a plain tensor to a plain one. */
#ifndef LIMNER_OPS_BLOCKED_PLANES_H
#define LIMNER_OPS_BLOCKED_PLANES_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm planes_algorithm;

#endif
