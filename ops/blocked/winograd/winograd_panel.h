/*
 * The products of Winograd for a panel of output channels: one matrix product over the input channels for each element.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PANEL_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PANEL_H

#include "ops/blocked/winograd/winograd_tile_group.h"

/* Products and outputs of a panel with WINOGRAD_TRANSFORMED weights. */
void winograd_run_panel(const struct winograd_panel *panel);

/*
 * The other forms of weights. The sources of all elements, in the order of the products: those that read the same
 * operands follow each other.
 */
void winograd_list_weights(const struct winograd_grid *grid, const struct winograd_kernel *kernel,
                           struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS]);
/* Expands the weights of a k-block of the panel, ... */
void winograd_expand_weights(const struct winograd_panel *panel, int64_t depth, int64_t depths);
/* ... with which any of its segments adds the products of that k-block. */
void winograd_add_products(const struct winograd_panel *panel, int64_t depth, int64_t depths);

#endif
