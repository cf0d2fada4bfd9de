/* The transforms of Winograd on channel blocks: from inputs to elements, and from sums of elements to outputs. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TRANSFORM_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TRANSFORM_H

#include "ops/blocked/winograd/winograd_tile_group.h"

/* Transforms one channel block of the depth for tiles first..end of the group. */
void winograd_read_tiles(const struct winograd_tile_group *group, int64_t depth, int64_t first, int64_t end);
/* Transforms a panel's sums to outputs, with bias and activation. */
void winograd_write_tiles(const struct winograd_panel *panel);

#endif
