/* Direct convolution on channel blocks. */
#ifndef LIMNER_OPS_BLOCKED_DIRECT_H
#define LIMNER_OPS_BLOCKED_DIRECT_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm direct_algorithm;

#endif
