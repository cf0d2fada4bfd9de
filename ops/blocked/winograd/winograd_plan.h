/* Where minimal filtering applies, and what it saves. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PLAN_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_PLAN_H

#include "ops/blocked/winograd.h"

/*
 * Cuts a lattice of a window into lattices for minimal filtering, with the kinds that cost least; their number, or 0
 * where it does not apply or direct sums cost less. They share their weights, which may be FILTER_PANELS if `panels`.
 */
int filter_choose(const struct window *window, const struct lattice *lattice, bool panels,
                  const struct forced_choices *forced, struct filter_lattice lattices[FILTER_SETS]);
/* What one vector of weights of each tap costs so many tiles that form their weights in pairs, in vectors of products.
 */
double filter_pairs_cost(double tiles, const struct filter_axis *y, const struct filter_axis *x);

#endif
