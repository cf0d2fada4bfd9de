/* How the tiles of Winograd are walked, so that what is needed again is near. Sizes in floats. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILING_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILING_H

#include "ops/blocked/winograd.h"

/*
 * Fills in the shapes of all sets, for panels of at most so many channel blocks: they differ in nothing but numbers of
 * tiles. No output's bits depend on the team.
 */
void winograd_tile(const struct window *window, int panel, const struct winograd_team *team,
                   struct winograd_grid *grids);

#endif
