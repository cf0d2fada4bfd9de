/*
 * The products of Winograd for a panel of output channels: each element is a matrix product over the channels,
 * and the sums are transformed back before they leave a small cache. Weights are stored as elements, ready to use; or
 * by taps: then, where tiles are many, a panel's are transformed as a whole; where they are few, tiles form them as
 * sums of two.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PANEL_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PANEL_H

#include "ops/blocked/winograd/winograd_block.h"

/* The sources of all elements, those that read the same numbers one after the other. */
void winograd_list_weights(const struct winograd_grid *grid, const struct winograd_kernel *kernel,
                           struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS]);
/* Products and outputs of a panel whose weights are stored as elements (winograd_panel.c). */
void winograd_run_panel(const struct winograd_panel *panel);
/* Where they are stored as taps: makes what is needed of some channel blocks of the depth, ... */
void winograd_make(const struct winograd_panel *panel, int64_t depth, int64_t depths);
/* ... with which any segment adds its products. */
void winograd_add_products(const struct winograd_panel *panel, int64_t depth, int64_t depths);

#endif
