/* Where Winograd applies, and what it saves. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PLAN_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PLAN_H

#include "ops/blocked/winograd.h"

/*
 * Cuts a grid of a window into grids for Winograd, with the kinds that cost least; their number, or 0
 * where it does not apply or direct sums cost less. They share their weights, which may be WINOGRAD_PER_PANEL if
 * `panels`.
 */
int winograd_choose(const struct window *window, const struct phase_geometry *geometry, bool panels,
                    const struct forced_choices *forced, struct winograd_grid grids[WINOGRAD_GRIDS]);
/* What one vector of weights of each tap costs so many tiles that form their weights formed in the kernel, in vectors
 * of products.
 */
double winograd_in_kernel_cost(double tiles, const struct winograd_axis *y, const struct winograd_axis *x);

#endif
