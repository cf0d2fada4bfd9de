/* Choosing and planning the algorithm of each phase. */
#ifndef LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PLAN_H
#define LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PLAN_H

#include "ops/blocked/blocked.h"

status blocked_plan(struct blocked_state *state, const struct kernels *kernels, int threads, struct error *err);

#endif
