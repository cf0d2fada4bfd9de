/* Runs all phases that Winograd computes. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RUN_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RUN_H

#include "ops/blocked/blocked.h"

void winograd_run(const struct blocked_run *run);

#endif
