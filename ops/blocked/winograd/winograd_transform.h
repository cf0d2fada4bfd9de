/* The transforms of Winograd on channel blocks: from activations to elements, and from sums to activations. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TRANSFORM_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TRANSFORM_H

#include "ops/blocked/winograd/winograd_block.h"

/* The inputs of one channel block of the depth, transformed into the block (winograd_transform.c). */
void winograd_read_tiles(const struct winograd_block *block, int64_t depth, int64_t first, int64_t end);
/* A panel's sums, transformed to outputs, with bias and activation. */
void winograd_write_tiles(const struct winograd_panel *panel);

#endif
