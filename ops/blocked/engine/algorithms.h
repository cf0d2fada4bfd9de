/* The algorithms for convolutions on channel blocks. */
#ifndef LIMNER_OPS_BLOCKED_ENGINE_ALGORITHMS_H
#define LIMNER_OPS_BLOCKED_ENGINE_ALGORITHMS_H

#include "ops/blocked/blocked.h"

/* In the order in which they are tried; ends with NULL. */
extern const struct conv_algorithm *const conv_algorithms[];

#endif
