/* Direct sums on channel blocks: a strip of output channels by some pixels at a time. */
#ifndef LIMNER_OPS_BLOCKED_DIRECT_H
#define LIMNER_OPS_BLOCKED_DIRECT_H

#include "ops/blocked/blocked.h"

size_t blocked_direct_bytes(const struct blocked_phase *phase);
void blocked_direct_run(const struct blocked_run *run);

#endif
