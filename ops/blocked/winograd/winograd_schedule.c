#include "ops/blocked/winograd/winograd_schedule.h"

#include "ops/blocked/winograd/winograd_panel.h"
#include "ops/blocked/winograd/winograd_plan.h"
#include "ops/blocked/winograd/winograd_range.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_transform.h"
#include "ops/blocked/winograd/winograd_workspace.h"
#include "ops/core/work_queue.h"

struct winograd_panel winograd_panel_of(const struct winograd_tile_group *group, int64_t tiles, int64_t panel,
                                        int64_t segment, float *sums, const struct winograd_scratch *scratch) {
    const struct winograd_tiling *tiling = &group->grid->tiling;
    const int64_t block0 = panel * tiling->panel, first = segment * tiling->segment;
    return (struct winograd_panel){.group = group,
                                   .block0 = block0,
                                   .blocks = (int)at_most(tiling->out_blocks - block0, tiling->panel),
                                   .first = first,
                                   .end = at_most(first + tiling->segment, tiles),
                                   .sums = sums,
                                   .weights = scratch->weights,
                                   .sources = scratch->sources};
}

struct winograd_tile_group winograd_tile_group_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                                  const struct winograd_grid *grid, int64_t image, int64_t number) {
    struct winograd_tile_group group = {
        .run = run, .phase = phase, .grid = grid, .image = image, .tile0 = number * grid->tiling.group_tiles};
    group.count = at_most(grid->tiling.tiles - group.tile0, grid->tiling.group_tiles);
    group.suspects = winograd_suspects_of(run, phase, (int)(grid - phase->grids), image) + group.tile0;
    return group;
}

int64_t winograd_most_tile_groups(const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->grid_count; i++)
        if (winograd_tile_groups(&phase->grids[i].tiling) > most)
            most = winograd_tile_groups(&phase->grids[i].tiling);
    return most;
}

static void begin_k_slice(struct winograd_tile_group *groups, int count, int64_t depth0, int64_t depth_end) {
    for (int i = 0; i < count; i++) {
        groups[i].depth0 = depth0;
        groups[i].depth_end = depth_end;
        if (depth0 == 0)
            winograd_range_start(&groups[i]);
    }
}

void winograd_read_tile_groups(struct winograd_tile_group *groups, int count, int64_t depth0, int64_t depth_end) {
    begin_k_slice(groups, count, depth0, depth_end);
    for (int64_t depth = depth0; depth < depth_end; depth++)
        for (int i = 0; i < count; i++) /* grids read the same cache lines */
            winograd_read_tiles(&groups[i], depth, 0, groups[i].count);
}

void winograd_judge_tile_groups(const struct winograd_tile_group *groups, int count) {
    for (int i = 0; i < count; i++)
        winograd_range_judge(&groups[i]);
}

/* ---- waves ---- */

struct wave {
    struct winograd_tile_group groups[WINOGRAD_GRIDS * WINOGRAD_IMAGES];
    int count;
    int64_t tiles, segments, parts; /* of all groups together; threads share a panel by parts of its segments */
    int64_t panel0;                 /* the panel whose sums lie first in the scratch */
};

/* A panel for one of a wave's segments. */
static struct winograd_panel segment_of(const struct wave *wave, int64_t panel, int64_t segment,
                                        const struct winograd_scratch *scratch) {
    float *sums = scratch->sums + (size_t)((panel - wave->panel0) * wave->segments + segment) * scratch->segment_sums;
    return winograd_panel_of(wave->groups, wave->tiles, panel, segment, sums, scratch);
}

/* A unit is one part of the segments for one panel, over the k-slice that stands ready. */
static void run_part(const struct wave *wave, int64_t unit, const struct winograd_scratch *scratch) {
    const struct winograd_tile_group *any = &wave->groups[0];
    const struct winograd_tiling *tiling = &any->grid->tiling;
    const int64_t panel = unit / wave->parts, part = unit % wave->parts;
    const int64_t first = wave->segments * part / wave->parts, end = wave->segments * (part + 1) / wave->parts;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a wave has tile groups, or nobody runs a part of it */
    if (any->grid->weights == WINOGRAD_TRANSFORMED) {
        for (int64_t segment = first; segment < end; segment++) {
            const struct winograd_panel one = segment_of(wave, panel, segment, scratch);
            winograd_run_panel(&one);
        }
        return;
    }
    for (int64_t depth = any->depth0, depths; depth < any->depth_end; depth += depths) {
        depths = at_most(any->depth_end - depth, tiling->k_block);
        const struct winograd_panel all = segment_of(wave, panel, first, scratch);
        winograd_expand_weights(&all, depth, depths);
        for (int64_t segment = first; segment < end; segment++) {
            const struct winograd_panel one = segment_of(wave, panel, segment, scratch);
            winograd_add_products(&one, depth, depths);
            if (depth + depths == tiling->depth)
                winograd_write_tiles(&one);
        }
    }
}

/* How many times the grids of a phase fill the grids of a wave. */
static int64_t grid_sets(const struct blocked_phase *phase) {
    return divide_up(phase->grid_count, phase->grids[0].tiling.grids);
}

static int64_t waves_of(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct winograd_tiling *tiling = &phase->grids[0].tiling;
    return divide_up(window_images(&run->state->window), tiling->images) * grid_sets(phase) *
           winograd_most_tile_groups(phase);
}

/* The unit-th wave of a phase. Images, grids and tile groups that do not exist are left out, which may leave none. */
static struct wave wave_of(const struct blocked_run *run, const struct blocked_phase *phase, int64_t unit,
                           const struct winograd_scratch *scratch) {
    const struct winograd_tiling *tiling = &phase->grids[0].tiling;
    const int64_t images = window_images(&run->state->window), sets = grid_sets(phase);
    const int64_t groups = winograd_most_tile_groups(phase), number = unit % groups;
    const int64_t range = winograd_range_size(phase);
    struct wave wave = {0};
    for (int64_t i = 0; i < tiling->images * tiling->grids; i++) {
        const int64_t image = unit / groups / sets * tiling->images + i / tiling->grids;
        const int64_t at = unit / groups % sets * tiling->grids + i % tiling->grids;
        if (image >= images || at >= phase->grid_count || number >= winograd_tile_groups(&phase->grids[at].tiling))
            continue;
        struct winograd_tile_group *group = &wave.groups[wave.count++];
        *group = winograd_tile_group_of(run, phase, &phase->grids[at], image, number);
        group->inputs = scratch->inputs + wave.tiles * CHANNEL_BLOCK;
        group->largest = scratch->range + (wave.count - 1) * range;
        wave.tiles += group->count;
    }
    wave.segments = winograd_segments(tiling, wave.tiles);
    wave.parts =
        phase->grids[0].weights == WINOGRAD_TRANSFORMED ? wave.segments : at_most(tiling->parts, wave.segments);
    return wave;
}

/* What the threads of a team share that works on one phase. */
struct phase_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct winograd_workspace workspace;
    struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS];
    struct work_queue queues[2]; /* of inputs, or of waves; of products */
};

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase, team_body *body) {
    struct phase_work work = {.run = run, .phase = phase, .workspace = winograd_workspace_for(phase, run->threads)};
    winograd_list_weights(&phase->grids[0], run->kernels->winograd, work.sources);
    work_queue_start(&work.queues[0], run->threads);
    work_queue_start(&work.queues[1], run->threads);
    team_run(run->threads, body, &work);
}

/* ---- all threads share a wave ---- */

/* Waits for all threads, and starts the queue again, from which none of them takes until the next barrier. */
static void end_step(struct work_queue *queue, struct team_thread self) {
    team_barrier(self);
    if (self.index == 0)
        work_queue_start(queue, queue->ranges);
}

/* With fewer units of inputs for each thread than LEAST_UNITS, the tiles of a unit are divided into PARTS. */
#define LEAST_UNITS 8
#define PARTS 4

/* Some of a wave's groups: what all threads have noted of their pixels is put together. */
static void judge_shared(const struct wave *wave, const struct winograd_scratch *scratch, struct team_thread self) {
    for (int i = self.index; i < wave->count; i += self.count) {
        const struct winograd_tile_group *group = &wave->groups[i];
        for (int thread = 0; thread < self.count; thread++)
            if (thread != self.index)
                winograd_range_merge(
                    group, (const uint16_t *)(const void *)((const char *)group->largest +
                                                            (thread - self.index) * (ptrdiff_t)scratch->range_stride));
        winograd_range_judge(group);
    }
}

/* Threads meet when the inputs of a k-slice are transformed, and again before the next ones take their place. */
static void share_wave(struct wave *wave, const struct winograd_scratch *scratch, struct team_thread self,
                       struct work_queue queues[2]) {
    const struct winograd_tiling *tiling = &wave->groups[0].grid->tiling;
    for (int64_t depth0 = 0, depths; depth0 < tiling->depth; depth0 += depths) {
        depths = at_most(tiling->depth - depth0, tiling->k_slice);
        begin_k_slice(wave->groups, wave->count, depth0, depth0 + depths);
        const int64_t parts = wave->count * depths < LEAST_UNITS * queues->ranges ? PARTS : 1;
        for (int64_t unit = 0; work_queue_take(&queues[0], self, wave->count * depths * parts, &unit);) {
            const struct winograd_tile_group *group = &wave->groups[unit / parts / depths];
            winograd_read_tiles(group, depth0 + unit / parts % depths, group->count * (unit % parts) / parts,
                                group->count * (unit % parts + 1) / parts);
        }
        end_step(&queues[0], self);
        if (depth0 + depths == tiling->depth)
            judge_shared(wave, scratch, self);
        for (int64_t unit = 0; work_queue_take(&queues[1], self, winograd_panels(tiling) * wave->parts, &unit);)
            run_part(wave, unit, scratch);
        end_step(&queues[1], self);
    }
}

static void share_waves(struct team_thread self, void *context) {
    struct phase_work *work = context;
    struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->workspace, self);
    scratch.sources = work->sources;
    for (int64_t unit = 0; unit < waves_of(work->run, work->phase); unit++) {
        struct wave wave = wave_of(work->run, work->phase, unit, &scratch);
        if (wave.count > 0)
            share_wave(&wave, &scratch, self, work->queues);
    }
}

void winograd_run_shared(const struct blocked_run *run, const struct blocked_phase *phase) {
    run_phase(run, phase, share_waves);
}

/* ---- a thread takes whole waves ---- */

static void take_waves(struct team_thread self, void *context) {
    struct phase_work *work = context;
    const struct winograd_tiling *tiling = &work->phase->grids[0].tiling;
    struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->workspace, self);
    scratch.sources = work->sources;
    for (int64_t unit = 0; work_queue_take(&work->queues[0], self, waves_of(work->run, work->phase), &unit);) {
        struct wave wave = wave_of(work->run, work->phase, unit, &scratch);
        winograd_read_tile_groups(wave.groups, wave.count, 0, tiling->depth);
        winograd_judge_tile_groups(wave.groups, wave.count);
        for (int64_t panel = 0; wave.count > 0 && panel < winograd_panels(tiling); panel++)
            run_part(&wave, panel, &scratch);
    }
}

void winograd_run_waves(const struct blocked_run *run, const struct blocked_phase *phase) {
    run_phase(run, phase, take_waves);
}

/* ---- a thread takes panels of all waves ---- */

/* Panels first..end of a wave, through the whole depth. */
static void run_panels(struct wave *wave, int64_t first, int64_t end, const struct winograd_scratch *scratch) {
    const struct winograd_tiling *tiling = &wave->groups[0].grid->tiling;
    wave->panel0 = first;
    wave->parts = 1;
    for (int64_t depth0 = 0, depths; depth0 < tiling->depth; depth0 += depths) {
        depths = at_most(tiling->depth - depth0, tiling->k_slice);
        winograd_read_tile_groups(wave->groups, wave->count, depth0, depth0 + depths);
        if (first == 0 && depth0 + depths == tiling->depth) /* one thread has the wave's first panel */
            winograd_judge_tile_groups(wave->groups, wave->count);
        for (int64_t panel = first; panel < end; panel++)
            run_part(wave, panel, scratch);
    }
}

static double panel_cost(const struct blocked_phase *phase) {
    const struct winograd_grid *grid = &phase->grids[0];
    return winograd_in_kernel_cost((double)winograd_wave_tiles(&grid->tiling), &grid->axis[0], &grid->axis[1]);
}

/*
 * The panels of all waves of all phases stand in one line, each as long as it costs; every thread gets an equal length
 * of it. Only the inputs of a wave that two threads meet are transformed twice.
 */
struct panel_line {
    struct team_thread self;
    double at, length; /* how far the line has been walked; all of it */
};

/* Panels first..end of the next wave whose middle falls to the thread. */
static void next_wave(struct panel_line *line, const struct blocked_phase *phase, int64_t *first, int64_t *end) {
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

static void run_phase_panels(const struct blocked_run *run, const struct blocked_phase *phase,
                             const struct winograd_scratch *of_thread, struct panel_line *line) {
    struct winograd_weight sources[WINOGRAD_MOST_ELEMENTS];
    struct winograd_scratch scratch = *of_thread;
    winograd_list_weights(&phase->grids[0], run->kernels->winograd, sources);
    scratch.sources = sources;
    for (int64_t unit = 0; unit < waves_of(run, phase); unit++) {
        struct wave wave = wave_of(run, phase, unit, &scratch);
        int64_t first, end;
        next_wave(line, phase, &first, &end);
        if (first < end && wave.count > 0)
            run_panels(&wave, first, end, &scratch);
    }
}

struct line_work {
    const struct blocked_run *run;
    struct winograd_workspace workspace;
    double length;
};

static void run_line(struct team_thread self, void *context) {
    const struct line_work *work = context;
    const struct blocked_state *state = work->run->state;
    const struct winograd_scratch scratch = winograd_scratch_of(work->run, &work->workspace, self);
    struct panel_line line = {self, 0, work->length};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_IN_KERNEL))
            run_phase_panels(work->run, &state->phases[i], &scratch, &line);
}

void winograd_run_independent(const struct blocked_run *run) {
    team_run(run->threads, run_line,
             &(struct line_work){run, winograd_workspace_independent(run->state, run->threads), line_length(run)});
}
