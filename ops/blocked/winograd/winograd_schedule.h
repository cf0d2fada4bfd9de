/* Winograd's schedules by waves: which thread computes which panel of which wave. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H

#include "ops/blocked/winograd/winograd_workspace.h"

/* A grid's tile group of this number, without a place for its inputs. Where there is none, `count` is not above 0. */
struct winograd_tile_group winograd_tile_group_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                                  const struct winograd_grid *grid, int64_t image, int64_t number);
/* Tile groups of an image, of the grid that has the most. */
int64_t winograd_most_tile_groups(const struct blocked_phase *phase);
/* One panel for one segment of so many tiles: those of a tile group, or of all of a wave, whose first one it is. */
struct winograd_panel winograd_panel_of(const struct winograd_tile_group *group, int64_t tiles, int64_t panel,
                                        int64_t segment, float *sums, const struct winograd_scratch *scratch);
/* Transforms the inputs of some tile groups for a k-slice. */
void winograd_read_tile_groups(struct winograd_tile_group *groups, int count, int64_t depth0, int64_t depth_end);

/* Lists their suspect tiles, once all inputs have been transformed. */
void winograd_judge_tile_groups(const struct winograd_tile_group *groups, int count);

/* All threads share each wave of a phase. */
void winograd_run_shared(const struct blocked_run *run, const struct blocked_phase *phase);
/* Each thread takes whole waves of a phase. */
void winograd_run_waves(const struct blocked_run *run, const struct blocked_phase *phase);
/* Each thread takes panels of the waves of all phases with WINOGRAD_IN_KERNEL weights, and meets no other thread. */
void winograd_run_independent(const struct blocked_run *run);

#endif
