/* Winograd, for the files that say who does what: winograd_run.c, winograd_schedule.c and winograd_workspace.c. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H

#include "ops/blocked/winograd/winograd_workspace.h"

/* A grid's block with this number; of one that does not exist `count` is not above 0. */
struct winograd_block winograd_block_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                        const struct winograd_grid *grid, int64_t image, int64_t number);
/* Blocks of the grid that has most. */
int64_t winograd_most_blocks(const struct blocked_phase *phase);
/* The panel-th panel of output channels, for one segment of so many tiles: of blocks from the given one on. */
struct winograd_panel winograd_panel_of(const struct winograd_block *block, int64_t tiles, int64_t panel,
                                        int64_t segment, float *sums, const struct winograd_scratch *scratch);
/* Transforms the inputs of a k-slice, of all blocks of a wave. */
void winograd_read_blocks(struct winograd_block *blocks, int count, int64_t depth0, int64_t depth_end);
/* All waves of a phase, one after the other, by all threads together. */
void winograd_run_shared(const struct blocked_run *run, const struct blocked_phase *phase);
/* Rounds of a phase that have one thread each. */
void winograd_run_waves(const struct blocked_run *run, const struct blocked_phase *phase);
/* All phases formed in the kernel, by threads that go apart. */
void winograd_run_apart(const struct blocked_run *run);

#endif
