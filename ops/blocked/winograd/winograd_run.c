#include "ops/blocked/winograd/winograd_run.h"

#include "ops/blocked/winograd/winograd_panel.h"
#include "ops/blocked/winograd/winograd_schedule.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_workspace.h"
#include "ops/core/work_queue.h"

static void run_own(struct winograd_block *block, const struct winograd_scratch *scratch) {
    const struct winograd_tiling *b = &block->grid->tiling;
    winograd_read_blocks(block, 1, 0, b->depth);
    for (int64_t panel = 0; panel < winograd_panels(b); panel++)
        for (int64_t segment = 0; segment < winograd_segments(b, block->count); segment++) {
            const struct winograd_panel one =
                winograd_panel_of(block, block->count, panel, segment, scratch->sums, scratch);
            winograd_run_panel(&one);
        }
}

/* The grids of all phases whose blocks have one thread each: they read the same inputs, so they go side by side. */
struct owned {
    int64_t count, slots; /* slots: the blocks of the grid that has most */
    struct winograd_workspace workspace;
};

static struct owned owned_of(const struct blocked_run *run) {
    struct owned owned = {0};
    for (int64_t p = 0; p < run->state->phase_count; p++) {
        const struct blocked_phase *phase = &run->state->phases[p];
        if (!winograd_is_owned(phase))
            continue;
        winograd_add_workspace(&owned.workspace, phase, run->threads);
        owned.count += phase->grid_count;
        if (winograd_most_blocks(phase) > owned.slots)
            owned.slots = winograd_most_blocks(phase);
    }
    return owned;
}

/* The block of the i-th grid that falls into a slot, if there is one: blocks are spread evenly over the slots. */
static struct winograd_block block_in_slot(const struct blocked_run *run, int64_t i, int64_t image, int64_t slot,
                                           int64_t slots) {
    const struct blocked_phase *phase = run->state->phases;
    while (!winograd_is_owned(phase) || i >= phase->grid_count) {
        i -= winograd_is_owned(phase) ? phase->grid_count : 0;
        phase++;
    }
    const int64_t blocks = winograd_blocks(&phase->grids[i].tiling), number = divide_up(slot * blocks, slots);
    if (number < blocks && number * slots / blocks == slot)
        return winograd_block_of(run, phase, &phase->grids[i], image, number);
    return (struct winograd_block){0};
}

struct owned_work {
    const struct blocked_run *run;
    struct owned owned;
    struct work_queue queue;
};

static void run_blocks(struct team_thread self, void *context) {
    struct owned_work *work = context;
    const struct owned *owned = &work->owned;
    const int64_t units = window_images(&work->run->state->window) * owned->slots * owned->count;
    const struct winograd_scratch scratch = winograd_scratch_of(work->run, &owned->workspace, self);
    for (int64_t unit = 0; work_queue_take(&work->queue, self, units, &unit);) {
        struct winograd_block block = block_in_slot(work->run, unit % owned->count, unit / owned->count / owned->slots,
                                                    unit / owned->count % owned->slots, owned->slots);
        block.inputs = scratch.inputs;
        if (block.count > 0)
            run_own(&block, &scratch);
    }
}

static void run_owned(const struct blocked_run *run) {
    struct owned_work work = {.run = run, .owned = owned_of(run)};
    work_queue_start(&work.queue, run->threads);
    team_run(run->threads, run_blocks, &work);
}

void winograd_run(const struct blocked_run *run) {
    const bool apart = winograd_goes_apart(run->state, run->threads);
    bool owned = false;
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        owned = owned || winograd_is_owned(phase);
        if (apart && winograd_has_weights(phase, WINOGRAD_IN_KERNEL))
            continue;
        if (phase->grid_count > 0 && phase->grids[0].tiling.shared)
            winograd_run_shared(run, phase);
        else if (winograd_has_weights(phase, WINOGRAD_PER_PANEL))
            winograd_run_waves(run, phase);
    }
    if (apart)
        winograd_run_apart(run);
    if (owned)
        run_owned(run);
}
