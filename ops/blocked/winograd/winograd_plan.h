/* Where Winograd applies, with which kinds and form of weights, and what it costs. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PLAN_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PLAN_H

#include "ops/blocked/winograd.h"

/*
 * Splits a phase into grids, with the kinds that cost least. Returns their number; 0 where Winograd does not apply or
 * direct convolution costs less. All grids use the same packed weights; WINOGRAD_PER_PANEL only if `per_panel`.
 */
int winograd_choose(const struct window *window, const struct phase_geometry *geometry, bool per_panel,
                    const struct forced_choices *forced, struct winograd_grid grids[WINOGRAD_GRIDS]);
/* Cost of so many tiles with WINOGRAD_IN_KERNEL weights, for one vector of each tap, in vectors of products. */
double winograd_in_kernel_cost(double tiles, const struct winograd_axis *y, const struct winograd_axis *x);

#endif
