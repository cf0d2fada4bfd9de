/* Winograd as an algorithm for phases on channel blocks. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_ALGORITHM_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_ALGORITHM_H

#include "ops/blocked/blocked.h"

extern const struct conv_algorithm winograd_algorithm;

#endif
