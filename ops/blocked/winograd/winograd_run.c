#include "ops/blocked/winograd/winograd_run.h"

#include "ops/blocked/winograd/winograd_panel.h"
#include "ops/blocked/winograd/winograd_schedule.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_workspace.h"
#include "ops/core/work_queue.h"

static void run_own(struct filter_block *block, const struct filter_share *share) {
    const struct filter_shape *b = &block->lattice->shape;
    filter_read_blocks(block, 1, 0, b->depth);
    for (int64_t panel = 0; panel < filter_panels(b); panel++)
        for (int64_t segment = 0; segment < filter_segments(b, block->count); segment++) {
            const struct filter_panel one = filter_panel_of(block, block->count, panel, segment, share->sums, share);
            filter_run_panel(&one);
        }
}

/* The lattices of all phases whose blocks have one thread each: they read the same inputs, so they go side by side. */
struct owned {
    int64_t count, slots; /* slots: the blocks of the lattice that has most */
    struct filter_room room;
};

static struct owned owned_of(const struct blocked_run *run) {
    struct owned owned = {0};
    for (int64_t p = 0; p < run->state->phase_count; p++) {
        const struct blocked_phase *phase = &run->state->phases[p];
        if (!filter_is_owned(phase))
            continue;
        filter_add_room(&owned.room, phase, run->threads);
        owned.count += phase->filter_count;
        if (filter_most_blocks(phase) > owned.slots)
            owned.slots = filter_most_blocks(phase);
    }
    return owned;
}

/* The block of the i-th lattice that falls into a slot, if there is one: blocks are spread evenly over the slots. */
static struct filter_block block_in_slot(const struct blocked_run *run, int64_t i, int64_t image, int64_t slot,
                                         int64_t slots) {
    const struct blocked_phase *phase = run->state->phases;
    while (!filter_is_owned(phase) || i >= phase->filter_count) {
        i -= filter_is_owned(phase) ? phase->filter_count : 0;
        phase++;
    }
    const int64_t blocks = filter_blocks(&phase->filters[i].shape), number = divide_up(slot * blocks, slots);
    if (number < blocks && number * slots / blocks == slot)
        return filter_block_of(run, phase, &phase->filters[i], image, number);
    return (struct filter_block){0};
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
    const struct filter_share share = filter_share_of(work->run, &owned->room, self);
    for (int64_t unit = 0; work_queue_take(&work->queue, self, units, &unit);) {
        struct filter_block block = block_in_slot(work->run, unit % owned->count, unit / owned->count / owned->slots,
                                                  unit / owned->count % owned->slots, owned->slots);
        block.inputs = share.inputs;
        if (block.count > 0)
            run_own(&block, &share);
    }
}

static void run_owned(const struct blocked_run *run) {
    struct owned_work work = {.run = run, .owned = owned_of(run)};
    work_queue_start(&work.queue, run->threads);
    team_run(run->threads, run_blocks, &work);
}

void blocked_filter_run(const struct blocked_run *run) {
    const bool apart = filter_goes_apart(run->state, run->threads);
    bool owned = false;
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        owned = owned || filter_is_owned(phase);
        if (apart && blocked_keeps(phase, FILTER_PAIRS))
            continue;
        if (phase->filter_count > 0 && phase->filters[0].shape.shared)
            filter_run_shared(run, phase);
        else if (blocked_keeps(phase, FILTER_PANELS))
            filter_run_rounds(run, phase);
    }
    if (apart)
        filter_run_apart(run);
    if (owned)
        run_owned(run);
}
