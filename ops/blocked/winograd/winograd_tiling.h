/* How the tiles of minimal filtering are walked, so that what is needed again is near. Sizes in floats. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILING_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILING_H

#include "ops/blocked/winograd.h"

/*
 * Fills in the shapes of all sets, for panels of at most so many channel blocks: they differ in nothing but numbers of
 * tiles. No output's bits depend on the team.
 */
void filter_shape(const struct window *window, int panel, const struct filter_team *team,
                  struct filter_lattice *lattices);

#endif
