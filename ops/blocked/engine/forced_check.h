#ifndef LIMNER_OPS_BLOCKED_ENGINE_FORCED_CHECK_H
#define LIMNER_OPS_BLOCKED_ENGINE_FORCED_CHECK_H

#include "ops/blocked/blocked.h"

/* An error where a planned convolution is not what was demanded. */
status forced_check(const struct blocked_state *state, struct error *err);

#endif
