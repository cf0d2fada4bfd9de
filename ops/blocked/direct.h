/* Direct sums on channel blocks: a strip of output channels by some pixels at a time. */
#ifndef LIMNER_OPS_BLOCKED_DIRECT_H
#define LIMNER_OPS_BLOCKED_DIRECT_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm direct_algorithm;

#endif
