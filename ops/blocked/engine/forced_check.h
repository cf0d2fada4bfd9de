#ifndef LIMNER_OPS_BLOCKED_ENGINE_FORCED_CHECK_H
#define LIMNER_OPS_BLOCKED_ENGINE_FORCED_CHECK_H

#include "ops/blocked/blocked.h"

/* An error where the plan of a convolution is not what forced_choices demands. */
status forced_check(const struct blocked_state *state, struct error *err);

#endif
