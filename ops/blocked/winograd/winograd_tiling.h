/* How the tiles of Winograd are walked: sizes by which what is used again stays in a near cache. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILING_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_TILING_H

#include "ops/blocked/winograd.h"

/*
 * Fills in the tilings of a phase's grids, for panels of at most so many channel blocks. They differ only in `tiles`
 * and `group_tiles`. No bit of an output depends on the team.
 */
void winograd_tile(const struct window *window, int panel, const struct winograd_team *team,
                   struct winograd_grid *grids);

#endif
