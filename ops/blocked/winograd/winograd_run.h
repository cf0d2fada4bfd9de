/*
 * Minimal filtering on channel blocks: the inputs of a block of tiles are transformed point by point; then every panel
 * of output channels passes over segments of them. Here is who does what, and when; the work itself is in
 * blocked_transform.c and blocked_panel.c.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RUN_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RUN_H

#include "ops/blocked/blocked.h"

void blocked_filter_run(const struct blocked_run *run);

#endif
