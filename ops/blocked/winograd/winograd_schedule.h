/* Minimal filtering, for the files that say who does what: blocked_filter.c, blocked_rounds.c and blocked_room.c. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H

#include "ops/blocked/winograd/winograd_workspace.h"

/* A lattice's block with this number; of one that does not exist `count` is not above 0. */
struct filter_block filter_block_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                    const struct filter_lattice *lattice, int64_t image, int64_t number);
/* Blocks of the set of points that has most. */
int64_t filter_most_blocks(const struct blocked_phase *phase);
/* The panel-th panel of output channels, for one segment of so many tiles: of blocks from the given one on. */
struct filter_panel filter_panel_of(const struct filter_block *block, int64_t tiles, int64_t panel, int64_t segment,
                                    float *sums, const struct filter_share *share);
/* Transforms the inputs of a stretch of the depth, of all blocks of a round. */
void filter_read_blocks(struct filter_block *blocks, int count, int64_t depth0, int64_t depth_end);
/* All rounds of a phase, one after the other, by all threads together. */
void filter_run_shared(const struct blocked_run *run, const struct blocked_phase *phase);
/* Rounds of a phase that have one thread each. */
void filter_run_rounds(const struct blocked_run *run, const struct blocked_phase *phase);
/* All phases in pairs, by threads that go apart. */
void filter_run_apart(const struct blocked_run *run);

#endif
