/* Which schedule each phase has, and the simplest of them: tile groups that one thread computes from end to end. */
#include "ops/blocked/winograd/winograd_run.h"

#include "ops/blocked/winograd/winograd_mend.h"
#include "ops/blocked/winograd/winograd_panel.h"
#include "ops/blocked/winograd/winograd_range.h"
#include "ops/blocked/winograd/winograd_schedule.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_workspace.h"
#include "ops/core/work_queue.h"

static void run_group(struct winograd_tile_group *group, const struct winograd_scratch *scratch) {
    const struct winograd_tiling *tiling = &group->grid->tiling;
    winograd_read_tile_groups(group, 1, 0, tiling->depth);
    winograd_judge_tile_groups(group, 1);
    for (int64_t panel = 0; panel < winograd_panels(tiling); panel++)
        for (int64_t segment = 0; segment < winograd_segments(tiling, group->count); segment++) {
            const struct winograd_panel one =
                winograd_panel_of(group, group->count, panel, segment, scratch->sums, scratch);
            winograd_run_panel(&one);
        }
}

/*
 * The grids of all such phases read the same inputs. Their tile groups are put into slots, those of one part of the
 * image into one slot, and threads take them slot by slot.
 */
struct group_slots {
    int64_t grids, slots; /* as many slots as the grid with the most tile groups has of them */
    struct winograd_workspace workspace;
};

static struct group_slots slots_of(const struct blocked_run *run) {
    struct group_slots all = {0};
    for (int64_t p = 0; p < run->state->phase_count; p++) {
        const struct blocked_phase *phase = &run->state->phases[p];
        if (!winograd_runs_by_group(phase))
            continue;
        winograd_add_workspace(&all.workspace, phase, run->threads);
        all.grids += phase->grid_count;
        if (winograd_most_tile_groups(phase) > all.slots)
            all.slots = winograd_most_tile_groups(phase);
    }
    return all;
}

/* The tile group of the i-th grid in a slot: a grid's groups are spread evenly over the slots. None: count is 0. */
static struct winograd_tile_group group_in_slot(const struct blocked_run *run, int64_t i, int64_t image, int64_t slot,
                                                int64_t slots) {
    const struct blocked_phase *phase = run->state->phases;
    while (!winograd_runs_by_group(phase) || i >= phase->grid_count) {
        i -= winograd_runs_by_group(phase) ? phase->grid_count : 0;
        phase++;
    }
    const int64_t groups = winograd_tile_groups(&phase->grids[i].tiling), number = divide_up(slot * groups, slots);
    if (number < groups && number * slots / groups == slot)
        return winograd_tile_group_of(run, phase, &phase->grids[i], image, number);
    return (struct winograd_tile_group){0};
}

struct group_work {
    const struct blocked_run *run;
    struct group_slots all;
    struct work_queue queue;
};

static void run_groups(struct team_thread self, void *context) {
    struct group_work *work = context;
    const int64_t grids = work->all.grids, slots = work->all.slots;
    const int64_t units = window_images(&work->run->state->window) * slots * grids;
    const struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->all.workspace, self);
    for (int64_t unit = 0; work_queue_take(&work->queue, self, units, &unit);) {
        struct winograd_tile_group group =
            group_in_slot(work->run, unit % grids, unit / grids / slots, unit / grids % slots, slots);
        group.inputs = scratch.inputs;
        group.largest = scratch.range;
        if (group.count > 0)
            run_group(&group, &scratch);
    }
}

static void run_by_group(const struct blocked_run *run) {
    struct group_work work = {.run = run, .all = slots_of(run)};
    work_queue_start(&work.queue, run->threads);
    team_run(run->threads, run_groups, &work);
}

void winograd_run(const struct blocked_run *run) {
    const bool independent = winograd_runs_independently(run->state, run->threads);
    bool by_group = false, any = false;
    for (int64_t i = 0; i < run->state->phase_count; i++)
        any = any || run->state->phases[i].grid_count > 0;
    if (!any)
        return;
    winograd_suspects_start(run);
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        by_group = by_group || winograd_runs_by_group(phase);
        if (independent && winograd_has_weights(phase, WINOGRAD_IN_KERNEL))
            continue;
        if (phase->grid_count > 0 && phase->grids[0].tiling.shared)
            winograd_run_shared(run, phase);
        else if (winograd_has_weights(phase, WINOGRAD_PER_PANEL))
            winograd_run_waves(run, phase);
    }
    if (independent)
        winograd_run_independent(run);
    if (by_group)
        run_by_group(run);
    winograd_mend(run);
}
