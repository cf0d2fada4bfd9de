/* Running all phases of a convolution, each by its algorithm. */
#ifndef LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PHASES_H
#define LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PHASES_H

#include "ops/blocked/blocked.h"

void blocked_run_phases(const struct blocked_run *run);
struct blocked_bytes blocked_work_bytes(const struct blocked_state *state, int threads);

#endif
