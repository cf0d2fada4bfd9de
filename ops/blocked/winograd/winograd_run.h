/*
 * Winograd on channel blocks: the inputs of a block of tiles are transformed element by element; then every panel
 * of output channels passes over segments of them. Here is who does what, and when; the work itself is in
 * winograd_transform.c and winograd_panel.c.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RUN_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_RUN_H

#include "ops/blocked/blocked.h"

void winograd_run(const struct blocked_run *run);

#endif
