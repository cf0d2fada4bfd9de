/*
 * Minimal filtering by rounds: blocks whose inputs stand ready together and that share weights made in passing. All
 * threads go through a round together, or each has rounds of its own, or panels of all of them.
 */
#include "ops/blocked/winograd/winograd_schedule.h"

#include "ops/blocked/winograd/winograd_panel.h"
#include "ops/blocked/winograd/winograd_plan.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_transform.h"
#include "ops/blocked/winograd/winograd_workspace.h"
#include "ops/core/work_queue.h"

struct filter_panel filter_panel_of(const struct filter_block *block, int64_t tiles, int64_t panel, int64_t segment,
                                    float *sums, const struct filter_share *share) {
    const struct filter_shape *b = &block->lattice->shape;
    const int64_t row = panel * b->panel, first = segment * b->segment;
    return (struct filter_panel){.block = block,
                                 .row = row,
                                 .rows = (int)at_most(b->rows - row, b->panel),
                                 .first = first,
                                 .end = at_most(first + b->segment, tiles),
                                 .sums = sums,
                                 .weights = share->weights,
                                 .sources = share->sources};
}

struct filter_block filter_block_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                    const struct filter_lattice *lattice, int64_t image, int64_t number) {
    struct filter_block block = {
        .run = run, .phase = phase, .lattice = lattice, .image = image, .tile0 = number * lattice->shape.size};
    block.count = at_most(lattice->shape.tiles - block.tile0, lattice->shape.size);
    return block;
}

int64_t filter_most_blocks(const struct blocked_phase *phase) {
    int64_t most = 0;
    for (int i = 0; i < phase->filter_count; i++)
        if (filter_blocks(&phase->filters[i].shape) > most)
            most = filter_blocks(&phase->filters[i].shape);
    return most;
}

static void begin_stretch(struct filter_block *blocks, int count, int64_t depth0, int64_t depth_end) {
    for (int i = 0; i < count; i++) {
        blocks[i].depth0 = depth0;
        blocks[i].depth_end = depth_end;
    }
}

void filter_read_blocks(struct filter_block *blocks, int count, int64_t depth0, int64_t depth_end) {
    begin_stretch(blocks, count, depth0, depth_end);
    for (int64_t depth = depth0; depth < depth_end; depth++)
        for (int i = 0; i < count; i++) /* sets of points read the same lines */
            filter_read_tiles(&blocks[i], depth, 0, blocks[i].count);
}

/*
 * Blocks that share their weights, and whose inputs stand ready side by side: of some sets of points, or images.
 * Segments pass over all of them.
 */
struct round {
    struct filter_block blocks[FILTER_SETS * FILTER_IMAGES];
    int count;
    int64_t tiles, segments, parts; /* of all blocks together; threads share a panel out by parts */
    int64_t panel0;                 /* the first panel whose sums wait */
};

/* The panel-th panel for one of a round's segments. */
static struct filter_panel segment_of(const struct round *round, int64_t panel, int64_t segment,
                                      const struct filter_share *share) {
    float *sums = share->sums + (size_t)((panel - round->panel0) * round->segments + segment) * share->segment_sums;
    return filter_panel_of(round->blocks, round->tiles, panel, segment, sums, share);
}

/* A part of the segments for one panel, over the stretch of the depth that stands ready. */
static void run_part(const struct round *round, int64_t unit, const struct filter_share *share) {
    const struct filter_block *any = &round->blocks[0];
    const struct filter_shape *b = &any->lattice->shape;
    const int64_t panel = unit / round->parts, part = unit % round->parts;
    const int64_t first = round->segments * part / round->parts, end = round->segments * (part + 1) / round->parts;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): a round has blocks, or nobody runs a part of it */
    if (any->lattice->weights == FILTER_READY) {
        for (int64_t segment = first; segment < end; segment++) {
            const struct filter_panel one = segment_of(round, panel, segment, share);
            filter_run_panel(&one);
        }
        return;
    }
    for (int64_t depth = any->depth0, depths; depth < any->depth_end; depth += depths) {
        depths = at_most(any->depth_end - depth, b->cut);
        const struct filter_panel all = segment_of(round, panel, first, share);
        filter_make(&all, depth, depths);
        for (int64_t segment = first; segment < end; segment++) {
            const struct filter_panel one = segment_of(round, panel, segment, share);
            filter_add_products(&one, depth, depths);
            if (depth + depths == b->depth)
                filter_write_tiles(&one);
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
 * All threads of the team on one round: they meet after the inputs of a stretch, and before the next ones replace them.
 * One queue is for the inputs, one for the products.
 */
static void run_shared(struct round *round, const struct filter_share *share, struct team_thread self,
                       struct work_queue queues[2]) {
    const struct filter_shape *b = &round->blocks[0].lattice->shape;
    for (int64_t depth0 = 0, depths; depth0 < b->depth; depth0 += depths) {
        depths = at_most(b->depth - depth0, b->stretch);
        begin_stretch(round->blocks, round->count, depth0, depth0 + depths);
        const int64_t parts = round->count * depths < LEAST_UNITS * queues->ranges ? PARTS : 1;
        for (int64_t unit = 0; work_queue_take(&queues[0], self, round->count * depths * parts, &unit);) {
            const struct filter_block *block = &round->blocks[unit / parts / depths];
            filter_read_tiles(block, depth0 + unit / parts % depths, block->count * (unit % parts) / parts,
                              block->count * (unit % parts + 1) / parts);
        }
        end_step(&queues[0], self);
        for (int64_t unit = 0; work_queue_take(&queues[1], self, filter_panels(b) * round->parts, &unit);)
            run_part(round, unit, share);
        end_step(&queues[1], self);
    }
}

/* Sets of points that stand ready together, and the rounds of a phase. */
static int64_t set_groups(const struct blocked_phase *phase) {
    return divide_up(phase->filter_count, phase->filters[0].shape.sets);
}

static int64_t rounds_of(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct filter_shape *b = &phase->filters[0].shape;
    return divide_up(window_images(&run->state->window), b->images) * set_groups(phase) * filter_most_blocks(phase);
}

/* The unit-th round; what is not there is left out, be it all of a round. */
static struct round round_of(const struct blocked_run *run, const struct blocked_phase *phase, int64_t unit,
                             float *inputs) {
    const struct filter_shape *b = &phase->filters[0].shape;
    const int64_t images = window_images(&run->state->window), groups = set_groups(phase);
    const int64_t blocks = filter_most_blocks(phase), number = unit % blocks;
    struct round round = {0};
    for (int64_t i = 0; i < b->images * b->sets; i++) {
        const int64_t at = unit / blocks / groups * b->images + i / b->sets;
        const int64_t set = unit / blocks % groups * b->sets + i % b->sets;
        if (at >= images || set >= phase->filter_count || number >= filter_blocks(&phase->filters[set].shape))
            continue;
        const struct filter_lattice *lattice = &phase->filters[set];
        struct filter_block *block = &round.blocks[round.count++];
        *block = filter_block_of(run, phase, lattice, at, number);
        block->inputs = inputs + round.tiles * CHANNEL_BLOCK;
        round.tiles += block->count;
    }
    round.segments = filter_segments(b, round.tiles);
    round.parts = phase->filters[0].weights == FILTER_READY ? round.segments : at_most(b->parts, round.segments);
    return round;
}

/* What the threads of a team on one phase share. */
struct phase_work {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    struct filter_room room;
    struct filter_source sources[FILTER_MOST];
    struct work_queue queues[2];
};

static void run_phase(const struct blocked_run *run, const struct blocked_phase *phase, team_body *body) {
    struct phase_work work = {.run = run, .phase = phase, .room = filter_room_for(phase, run->threads)};
    filter_list_sources(&phase->filters[0], run->kernels->filter, work.sources);
    work_queue_start(&work.queues[0], run->threads);
    work_queue_start(&work.queues[1], run->threads);
    team_run(run->threads, body, &work);
}

static void run_shared_rounds(struct team_thread self, void *context) {
    struct phase_work *work = context;
    struct filter_share share = filter_share_of(work->run, &work->room, self);
    share.sources = work->sources;
    for (int64_t unit = 0; unit < rounds_of(work->run, work->phase); unit++) {
        struct round round = round_of(work->run, work->phase, unit, share.inputs);
        if (round.count > 0)
            run_shared(&round, &share, self, work->queues);
    }
}

void filter_run_shared(const struct blocked_run *run, const struct blocked_phase *phase) {
    run_phase(run, phase, run_shared_rounds);
}

/* One thread's panels first..end of a round, through the whole depth. */
static void run_alone(struct round *round, int64_t first, int64_t end, const struct filter_share *share) {
    const struct filter_shape *b = &round->blocks[0].lattice->shape;
    round->panel0 = first;
    round->parts = 1;
    for (int64_t depth0 = 0, depths; depth0 < b->depth; depth0 += depths) {
        depths = at_most(b->depth - depth0, b->stretch);
        filter_read_blocks(round->blocks, round->count, depth0, depth0 + depths);
        for (int64_t panel = first; panel < end; panel++)
            run_part(round, panel, share);
    }
}

/* What a panel of a round takes. */
static double panel_cost(const struct blocked_phase *phase) {
    const struct filter_lattice *lattice = &phase->filters[0];
    return filter_pairs_cost((double)filter_round_tiles(&lattice->shape), &lattice->axis[0], &lattice->axis[1]);
}

/*
 * The panels of all rounds of all lattices in pairs stand in line, and each thread has a piece of it: only lattices
 * that fall into two pieces have their inputs transformed twice.
 */
struct line {
    struct team_thread self;
    double at, length;
};

/* Panels first..end of the next round that fall, with their middle, into the piece of the thread. */
static void next_in_line(struct line *line, const struct blocked_phase *phase, int64_t *first, int64_t *end) {
    const double cost = panel_cost(phase);
    const int threads = line->self.count, own = line->self.index;
    *first = *end = 0;
    for (int64_t panel = 0; panel < filter_panels(&phase->filters[0].shape); panel++, line->at += cost) {
        const int thread = (int)((line->at + cost / 2) * threads / line->length);
        *first += thread < own;
        *end += thread <= own;
    }
}

static double line_length(const struct blocked_run *run) {
    double length = 0;
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        if (blocked_keeps(phase, FILTER_PAIRS))
            length += panel_cost(phase) * (double)(filter_panels(&phase->filters[0].shape) * rounds_of(run, phase));
    }
    return length;
}

static void run_line(const struct blocked_run *run, const struct blocked_phase *phase,
                     const struct filter_share *of_thread, struct line *line) {
    struct filter_source sources[FILTER_MOST];
    struct filter_share share = *of_thread;
    filter_list_sources(&phase->filters[0], run->kernels->filter, sources);
    share.sources = sources;
    for (int64_t unit = 0; unit < rounds_of(run, phase); unit++) {
        struct round round = round_of(run, phase, unit, share.inputs);
        int64_t first, end;
        next_in_line(line, phase, &first, &end);
        if (first < end && round.count > 0)
            run_alone(&round, first, end, &share);
    }
}

struct line_work {
    const struct blocked_run *run;
    struct filter_room room;
    double length;
};

static void run_lines(struct team_thread self, void *context) {
    const struct line_work *work = context;
    const struct blocked_state *state = work->run->state;
    const struct filter_share share = filter_share_of(work->run, &work->room, self);
    struct line line = {self, 0, work->length};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (blocked_keeps(&state->phases[i], FILTER_PAIRS))
            run_line(work->run, &state->phases[i], &share, &line);
}

void filter_run_apart(const struct blocked_run *run) {
    team_run(run->threads, run_lines,
             &(struct line_work){run, filter_room_apart(run->state, run->threads), line_length(run)});
}

static void run_rounds(struct team_thread self, void *context) {
    struct phase_work *work = context;
    const struct filter_shape *b = &work->phase->filters[0].shape;
    struct filter_share share = filter_share_of(work->run, &work->room, self);
    share.sources = work->sources;
    for (int64_t unit = 0; work_queue_take(&work->queues[0], self, rounds_of(work->run, work->phase), &unit);) {
        struct round round = round_of(work->run, work->phase, unit, share.inputs);
        filter_read_blocks(round.blocks, round.count, 0, b->depth);
        for (int64_t panel = 0; panel < filter_panels(b); panel++)
            run_part(&round, panel, &share);
    }
}

void filter_run_rounds(const struct blocked_run *run, const struct blocked_phase *phase) {
    run_phase(run, phase, run_rounds);
}
