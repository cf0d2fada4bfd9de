/*
 * Winograd by waves: blocks whose inputs stand ready together and that share weights made in passing. All
 * threads go through a round together, or each has waves of its own, or panels of all of them.
 */
#include "ops/blocked/winograd/winograd_schedule.h"

#include "ops/blocked/winograd/winograd_panel.h"
#include "ops/blocked/winograd/winograd_plan.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_transform.h"
#include "ops/blocked/winograd/winograd_workspace.h"
#include "ops/core/work_queue.h"

struct winograd_panel winograd_panel_of(const struct winograd_block *block, int64_t tiles, int64_t panel,
                                        int64_t segment, float *sums, const struct winograd_scratch *scratch) {
    const struct winograd_tiling *b = &block->grid->tiling;
    const int64_t row = panel * b->panel, first = segment * b->segment;
    return (struct winograd_panel){.block = block,
                                   .row = row,
                                   .rows = (int)at_most(b->rows - row, b->panel),
                                   .first = first,
                                   .end = at_most(first + b->segment, tiles),
                                   .sums = sums,
                                   .weights = scratch->weights,
                                   .sources = scratch->sources};
}

struct winograd_block winograd_block_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                        const struct winograd_grid *grid, int64_t image, int64_t number) {
    struct winograd_block block = {
        .run = run, .phase = phase, .grid = grid, .image = image, .tile0 = number * grid->tiling.size};
    block.count = at_most(grid->tiling.tiles - block.tile0, grid->tiling.size);
    return block;
}

int64_t winograd_most_blocks(const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->grid_count; i++)
        if (winograd_blocks(&phase->grids[i].tiling) > most)
            most = winograd_blocks(&phase->grids[i].tiling);
    return most;
}

static void begin_k_slice(struct winograd_block *blocks, int count, int64_t depth0, int64_t depth_end) {
    for (int i = 0; i < count; i++) {
        blocks[i].depth0 = depth0;
        blocks[i].depth_end = depth_end;
    }
}

void winograd_read_blocks(struct winograd_block *blocks, int count, int64_t depth0, int64_t depth_end) {
    begin_k_slice(blocks, count, depth0, depth_end);
    for (int64_t depth = depth0; depth < depth_end; depth++)
        for (int i = 0; i < count; i++) /* grids read the same lines */
            winograd_read_tiles(&blocks[i], depth, 0, blocks[i].count);
}

/*
 * Blocks that share their weights, and whose inputs stand ready side by side: of some grids, or images.
 * Segments pass over all of them.
 */
struct wave {
    struct winograd_block blocks[WINOGRAD_GRIDS * WINOGRAD_IMAGES];
    int count;
    int64_t tiles, segments, parts; /* of all blocks together; threads share a panel out by parts */
    int64_t panel0;                 /* the first panel whose sums wait */
};

/* The panel-th panel for one of a wave's segments. */
static struct winograd_panel segment_of(const struct wave *wave, int64_t panel, int64_t segment,
                                        const struct winograd_scratch *scratch) {
    float *sums = scratch->sums + (size_t)((panel - wave->panel0) * wave->segments + segment) * scratch->segment_sums;
    return winograd_panel_of(wave->blocks, wave->tiles, panel, segment, sums, scratch);
}

/* A part of the segments for one panel, over the k-slice that stands ready. */
static void run_part(const struct wave *wave, int64_t unit, const struct winograd_scratch *scratch) {
    const struct winograd_block *any = &wave->blocks[0];
    const struct winograd_tiling *b = &any->grid->tiling;
    const int64_t panel = unit / wave->parts, part = unit % wave->parts;
    const int64_t first = wave->segments * part / wave->parts, end = wave->segments * (part + 1) / wave->parts;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a wave has blocks, or nobody runs a part of it */
    if (any->grid->weights == WINOGRAD_TRANSFORMED) {
        for (int64_t segment = first; segment < end; segment++) {
            const struct winograd_panel one = segment_of(wave, panel, segment, scratch);
            winograd_run_panel(&one);
        }
        return;
    }
    for (int64_t depth = any->depth0, depths; depth < any->depth_end; depth += depths) {
        depths = at_most(any->depth_end - depth, b->k_block);
        const struct winograd_panel all = segment_of(wave, panel, first, scratch);
        winograd_make(&all, depth, depths);
        for (int64_t segment = first; segment < end; segment++) {
            const struct winograd_panel one = segment_of(wave, panel, segment, scratch);
            winograd_add_products(&one, depth, depths);
            if (depth + depths == b->depth)
                winograd_write_tiles(&one);
        }
    }
}

/* All meet; then the queue can serve again, while another one is taken from. */
static void end_step(struct work_queue *queue, struct team_thread self) {
    team_barrier(self);
    if (self.index == 0)
        work_queue_start(queue, queue->ranges);
}

/* The inputs of a shared block are transformed in so many units for each thread at least, or in parts. */
#define LEAST_UNITS 8
#define PARTS 4

/*
 * All threads of the team on one wave: they meet after the inputs of a k-slice, and before the next ones replace them.
 * One queue is for the inputs, one for the products.
 */
static void run_shared(struct wave *wave, const struct winograd_scratch *scratch, struct team_thread self,
                       struct work_queue queues[2]) {
    const struct winograd_tiling *b = &wave->blocks[0].grid->tiling;
    for (int64_t depth0 = 0, depths; depth0 < b->depth; depth0 += depths) {
        depths = at_most(b->depth - depth0, b->k_slice);
        begin_k_slice(wave->blocks, wave->count, depth0, depth0 + depths);
        const int64_t parts = wave->count * depths < LEAST_UNITS * queues->ranges ? PARTS : 1;
        for (int64_t unit = 0; work_queue_take(&queues[0], self, wave->count * depths * parts, &unit);) {
            const struct winograd_block *block = &wave->blocks[unit / parts / depths];
            winograd_read_tiles(block, depth0 + unit / parts % depths, block->count * (unit % parts) / parts,
                                block->count * (unit % parts + 1) / parts);
        }
        end_step(&queues[0], self);
        for (int64_t unit = 0; work_queue_take(&queues[1], self, winograd_panels(b) * wave->parts, &unit);)
            run_part(wave, unit, scratch);
        end_step(&queues[1], self);
    }
}

/* Grids that stand ready together, and the waves of a phase. */
static int64_t set_groups(const struct blocked_phase *phase) {
    return divide_up(phase->grid_count, phase->grids[0].tiling.grids);
}

static int64_t waves_of(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct winograd_tiling *b = &phase->grids[0].tiling;
    return divide_up(window_images(&run->state->window), b->images) * set_groups(phase) * winograd_most_blocks(phase);
}

/* The unit-th wave; what is not there is left out, be it all of a wave. */
static struct wave wave_of(const struct blocked_run *run, const struct blocked_phase *phase, int64_t unit,
                           float *inputs) {
    const struct winograd_tiling *b = &phase->grids[0].tiling;
    const int64_t images = window_images(&run->state->window), groups = set_groups(phase);
    const int64_t blocks = winograd_most_blocks(phase), number = unit % blocks;
    struct wave wave = {0};
    for (int64_t i = 0; i < b->images * b->grids; i++) {
        const int64_t at = unit / blocks / groups * b->images + i / b->grids;
        const int64_t set = unit / blocks % groups * b->grids + i % b->grids;
        if (at >= images || set >= phase->grid_count || number >= winograd_blocks(&phase->grids[set].tiling))
            continue;
        const struct winograd_grid *grid = &phase->grids[set];
        struct winograd_block *block = &wave.blocks[wave.count++];
        *block = winograd_block_of(run, phase, grid, at, number);
        block->inputs = inputs + wave.tiles * CHANNEL_BLOCK;
        wave.tiles += block->count;
    }
    wave.segments = winograd_segments(b, wave.tiles);
    wave.parts = phase->grids[0].weights == WINOGRAD_TRANSFORMED ? wave.segments : at_most(b->parts, wave.segments);
    return wave;
}

/* What the threads of a team on one phase share. */
struct phase_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct winograd_workspace workspace;
    struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS];
    struct work_queue queues[2];
};

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase, team_body *body) {
    struct phase_work work = {.run = run, .phase = phase, .workspace = winograd_workspace_for(phase, run->threads)};
    winograd_list_weights(&phase->grids[0], run->kernels->winograd, work.sources);
    work_queue_start(&work.queues[0], run->threads);
    work_queue_start(&work.queues[1], run->threads);
    team_run(run->threads, body, &work);
}

static void run_shared_rounds(struct team_thread self, void *context) {
    struct phase_work *work = context;
    struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->workspace, self);
    scratch.sources = work->sources;
    for (int64_t unit = 0; unit < waves_of(work->run, work->phase); unit++) {
        struct wave wave = wave_of(work->run, work->phase, unit, scratch.inputs);
        if (wave.count > 0)
            run_shared(&wave, &scratch, self, work->queues);
    }
}

void winograd_run_shared(const struct blocked_run *run, const struct blocked_phase *phase) {
    run_phase(run, phase, run_shared_rounds);
}

/* One thread's panels first..end of a wave, through the whole depth. */
static void run_alone(struct wave *wave, int64_t first, int64_t end, const struct winograd_scratch *scratch) {
    const struct winograd_tiling *b = &wave->blocks[0].grid->tiling;
    wave->panel0 = first;
    wave->parts = 1;
    for (int64_t depth0 = 0, depths; depth0 < b->depth; depth0 += depths) {
        depths = at_most(b->depth - depth0, b->k_slice);
        winograd_read_blocks(wave->blocks, wave->count, depth0, depth0 + depths);
        for (int64_t panel = first; panel < end; panel++)
            run_part(wave, panel, scratch);
    }
}

/* What a panel of a wave takes. */
static double panel_cost(const struct blocked_phase *phase) {
    const struct winograd_grid *grid = &phase->grids[0];
    return winograd_in_kernel_cost((double)winograd_wave_tiles(&grid->tiling), &grid->axis[0], &grid->axis[1]);
}

/*
 * The panels of all waves of all grids formed in the kernel stand in line, and each thread has a piece of it: only
 * grids that fall into two pieces have their inputs transformed twice.
 */
struct line {
    struct team_thread self;
    double at, length;
};

/* Panels first..end of the next wave that fall, with their middle, into the piece of the thread. */
static void next_in_line(struct line *line, const struct blocked_phase *phase, int64_t *first, int64_t *end) {
    const double cost = panel_cost(phase);
    const int threads = line->self.count, own = line->self.index;
    *first = *end = 0;
    for (int64_t panel = 0; panel < winograd_panels(&phase->grids[0].tiling); panel++, line->at += cost) {
        const int thread = (int)((line->at + cost / 2) * threads / line->length);
        *first += thread < own;
        *end += thread <= own;
    }
}

static double line_length(const struct blocked_run *run) {
    double length = 0;
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        if (winograd_has_weights(phase, WINOGRAD_IN_KERNEL))
            length += panel_cost(phase) * (double)(winograd_panels(&phase->grids[0].tiling) * waves_of(run, phase));
    }
    return length;
}

static void run_line(const struct blocked_run *run, const struct blocked_phase *phase,
                     const struct winograd_scratch *of_thread, struct line *line) {
    struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS];
    struct winograd_scratch scratch = *of_thread;
    winograd_list_weights(&phase->grids[0], run->kernels->winograd, sources);
    scratch.sources = sources;
    for (int64_t unit = 0; unit < waves_of(run, phase); unit++) {
        struct wave wave = wave_of(run, phase, unit, scratch.inputs);
        int64_t first, end;
        next_in_line(line, phase, &first, &end);
        if (first < end && wave.count > 0)
            run_alone(&wave, first, end, &scratch);
    }
}

struct line_work {
    const struct blocked_run *run;
    struct winograd_workspace workspace;
    double length;
};

static void run_lines(struct team_thread self, void *context) {
    const struct line_work *work = context;
    const struct blocked_state *state = work->run->state;
    const struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->workspace, self);
    struct line line = {self, 0, work->length};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_IN_KERNEL))
            run_line(work->run, &state->phases[i], &scratch, &line);
}

void winograd_run_apart(const struct blocked_run *run) {
    team_run(run->threads, run_lines,
             &(struct line_work){run, winograd_workspace_apart(run->state, run->threads), line_length(run)});
}

static void run_rounds(struct team_thread self, void *context) {
    struct phase_work *work = context;
    const struct winograd_tiling *b = &work->phase->grids[0].tiling;
    struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->workspace, self);
    scratch.sources = work->sources;
    for (int64_t unit = 0; work_queue_take(&work->queues[0], self, waves_of(work->run, work->phase), &unit);) {
        struct wave wave = wave_of(work->run, work->phase, unit, scratch.inputs);
        winograd_read_blocks(wave.blocks, wave.count, 0, b->depth);
        for (int64_t panel = 0; panel < winograd_panels(b); panel++)
            run_part(&wave, panel, &scratch);
    }
}

void winograd_run_waves(const struct blocked_run *run, const struct blocked_phase *phase) {
    run_phase(run, phase, run_rounds);
}
