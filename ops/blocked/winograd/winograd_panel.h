/*
 * The products of minimal filtering for a panel of output channels: each point is a matrix product over the channels,
 * and the sums are transformed back before they leave a small cache. Weights are kept by points, ready to use; or by
 * taps: then, where tiles are many, a panel's are transformed as a whole; where they are few, tiles form them as sums
 * of two.
 */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PANEL_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PANEL_H

#include "ops/blocked/winograd/winograd_block.h"

/* The sources of all points, those that read the same numbers one after the other. */
void filter_list_sources(const struct filter_lattice *lattice, const struct filter_kernel *kernel,
                         struct filter_source sources[FILTER_MOST]);
/* Products and outputs of a panel whose weights are kept by points (blocked_panel.c). */
void filter_run_panel(const struct filter_panel *panel);
/* Where they are kept by taps: makes what is needed of some channel blocks of the depth, ... */
void filter_make(const struct filter_panel *panel, int64_t depth, int64_t depths);
/* ... with which any segment adds its products. */
void filter_add_products(const struct filter_panel *panel, int64_t depth, int64_t depths);

#endif
