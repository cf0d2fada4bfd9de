/*
 * Minimal filtering on channel blocks: the inputs of a block of tiles are transformed point by point; then every panel
 * of output channels passes over segments of them. Here is who does what, and when; the work itself is in
 * blocked_transform.c and blocked_panel.c.
 */
#include "ops/blocked_filter.h"
#include "ops/deal.h"

#define LANES CHANNEL_BLOCK

/* ---- workspace ---- */

static int64_t segments_of(const struct filter_shape *shape, int64_t tiles) {
    return divide_up(tiles, shape->segment);
}

/* Floats for the inputs of a round, the sums of a panel's segment and its transformed weights. */
struct room {
    size_t inputs, sums, weights;
    size_t waiting;  /* sums that wait for the next cut of the depth, of every segment of a panel; 0: none */
    bool own_inputs; /* every thread has inputs of its own */
};

static size_t greatest(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t whole_lines(int64_t floats) {
    return (size_t)whole_units(floats, LANES);
}

/* The kernel reads whole tiles: what a last one reads beyond a block's end is of no account. */
static size_t input_floats(const struct filter_shape *shape) {
    return whole_lines(shape->points * shape->point + BLOCK_PIXELS * LANES);
}

static void add_room(struct room *room, const struct blocked_phase *phase, int threads) {
    const struct filter_shape *first = &phase->filters[0].shape;
    const size_t round = (size_t)(first->sets * first->images);
    if (!first->shared) /* the first set of points, which has most tiles, decides for all */
        room->own_inputs = threads > 1;
    for (int i = 0; i < phase->filter_count; i++) {
        const struct filter_shape *b = &phase->filters[i].shape;
        room->inputs = greatest(room->inputs, input_floats(b) * round);
        room->sums = greatest(room->sums, whole_lines(b->points * b->sum_point));
        room->weights = greatest(room->weights, (size_t)(filter_made(&phase->filters[i]) * filter_made_place(b)));
        if (phase->filters[i].weights == FILTER_PAIRS && b->cut < b->depth)
            room->waiting = greatest(room->waiting, (size_t)(filter_panels(b) * segments_of(b, b->size)) * round);
    }
}

static struct room room_for(const struct blocked_phase *phase, int threads) {
    struct room room = {0};
    add_room(&room, phase, threads);
    return room;
}

static struct blocked_bytes room_bytes(const struct room *room) {
    const size_t inputs = room->inputs * sizeof(float), sums = room->sums * sizeof(float);
    return (struct blocked_bytes){.shared = (room->own_inputs ? 0 : inputs) + sums * room->waiting,
                                  .own = (room->own_inputs ? inputs : 0) + (room->waiting ? 0 : sums) +
                                         room->weights * sizeof(float)};
}

/* Whose lattices go side by side with those of other phases, a block for each thread. */
static bool is_owned(const struct blocked_phase *phase) {
    return phase->algorithm == BLOCKED_FILTER && !phase->filters[0].shape.shared &&
           phase->filters[0].weights != FILTER_PANELS;
}

struct blocked_bytes blocked_filter_bytes(const struct blocked_state *state, int threads) {
    struct room owned = {0};
    struct blocked_bytes most = {0};
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        const struct room room = room_for(phase, threads);
        if (is_owned(phase))
            add_room(&owned, phase, threads);
        else if (phase->algorithm == BLOCKED_FILTER)
            blocked_add_bytes(&most, room_bytes(&room));
    }
    blocked_add_bytes(&most, room_bytes(&owned));
    return most;
}

/* ---- a run ---- */

/* What a thread has, and all have together. */
struct share {
    float *inputs, *sums, *weights;
    const struct filter_source *sources; /* of the points' weights */
    size_t segment_sums; /* from the sums of one segment to the next; 0: a thread uses its own for all */
};

/* The panel-th panel of output channels, for one segment of a block. */
static struct filter_panel panel_of(const struct filter_block *block, int64_t panel, int64_t segment, float *sums,
                                    const struct share *share) {
    const struct filter_shape *b = &block->lattice->shape;
    const int64_t row = panel * b->panel, first = segment * b->segment;
    return (struct filter_panel){.block = block,
                                 .row = row,
                                 .rows = (int)at_most(b->rows - row, b->panel),
                                 .first = first,
                                 .end = at_most(first + b->segment, block->count),
                                 .sums = sums,
                                 .weights = share->weights,
                                 .sources = share->sources};
}

/* The inputs of the whole depth. */
static void read_block(struct filter_block *block) {
    block->depth_end = block->lattice->shape.depth;
    for (int64_t depth = 0; depth < block->depth_end; depth++)
        filter_read_tiles(block, depth, 0, block->count);
}

static void run_own(struct filter_block *block, const struct share *share) {
    const struct filter_shape *b = &block->lattice->shape;
    read_block(block);
    for (int64_t panel = 0; panel < filter_panels(b); panel++)
        for (int64_t segment = 0; segment < segments_of(b, block->count); segment++) {
            const struct filter_panel one = panel_of(block, panel, segment, share->sums, share);
            filter_run_panel(&one);
        }
}

/* Blocks that share their weights, and whose inputs stand ready together: of some sets of points, or images. */
struct round {
    struct filter_block blocks[FILTER_SETS * FILTER_IMAGES];
    int count;
    int64_t segments, parts; /* of all blocks together; threads share a panel out by parts */
};

/* The panel-th panel for one of a round's segments. */
static struct filter_panel segment_of(const struct round *round, int64_t panel, int64_t segment,
                                      const struct share *share) {
    const struct filter_block *block = round->blocks;
    float *sums = share->sums + (size_t)(panel * round->segments + segment) * share->segment_sums;
    for (int64_t own; segment >= (own = segments_of(&block->lattice->shape, block->count)); block++)
        segment -= own;
    return panel_of(block, panel, segment, sums, share);
}

/* A part of the segments for one panel, over the stretch of the depth that stands ready. */
static void run_part(const struct round *round, int64_t unit, const struct share *share) {
    const struct filter_block *any = &round->blocks[0];
    const struct filter_shape *b = &any->lattice->shape;
    const int64_t panel = unit / round->parts, part = unit % round->parts;
    const int64_t first = round->segments * part / round->parts, end = round->segments * (part + 1) / round->parts;
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

/* All meet; then the deal can serve again, while another one is dealt out. */
static void end_step(struct deal *deal) {
#pragma omp barrier
#pragma omp master
    deal_begin(deal, deal->ranges);
}

/* The inputs of a shared block are transformed in so many units for each thread at least, or in parts. */
#define LEAST_UNITS 8
#define PARTS 4

/*
 * All threads of the team on one round: they meet after the inputs of a stretch, and before the next ones replace them.
 * One deal is for the inputs, one for the products.
 */
static void run_shared(struct round *round, const struct share *share, struct deal deals[2]) {
    const struct filter_shape *b = &round->blocks[0].lattice->shape;
    for (int64_t depth0 = 0, depths; depth0 < b->depth; depth0 += depths) {
        depths = at_most(b->depth - depth0, b->stretch);
        for (int i = 0; i < round->count; i++) {
            round->blocks[i].depth0 = depth0;
            round->blocks[i].depth_end = depth0 + depths;
        }
        const int64_t parts = round->count * depths < LEAST_UNITS * deals->ranges ? PARTS : 1;
        for (int64_t unit = 0; deal_take(&deals[0], round->count * depths * parts, &unit);) {
            const struct filter_block *block = &round->blocks[unit / parts / depths];
            filter_read_tiles(block, depth0 + unit / parts % depths, block->count * (unit % parts) / parts,
                              block->count * (unit % parts + 1) / parts);
        }
        end_step(&deals[0]);
        for (int64_t unit = 0; deal_take(&deals[1], filter_panels(b) * round->parts, &unit);)
            run_part(round, unit, share);
        end_step(&deals[1]);
    }
}

static struct filter_block block_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                    const struct filter_lattice *lattice, int64_t image, int64_t number) {
    struct filter_block block = {
        .run = run, .phase = phase, .lattice = lattice, .image = image, .tile0 = number * lattice->shape.size};
    block.count = at_most(lattice->shape.tiles - block.tile0, lattice->shape.size);
    return block;
}

static struct share share_of(const struct blocked_run *run, const struct room *room) {
    float *own = blocked_own(run), *sums = own + (room->own_inputs ? room->inputs : 0);
    return (struct share){.inputs = room->own_inputs ? own : run->workspace,
                          .sums = room->waiting ? run->workspace + (room->own_inputs ? 0 : room->inputs) : sums,
                          .weights = sums + (room->waiting ? 0 : room->sums),
                          .segment_sums = room->waiting ? room->sums : 0};
}

/* A round from a set and an image on, as the first set's shape has it; what is not there is left out. */
static struct round round_of(const struct blocked_run *run, const struct blocked_phase *phase, int first, int64_t image,
                             int64_t number, float *inputs) {
    const struct filter_shape *b = &phase->filters[0].shape;
    const int64_t images = window_images(&run->state->window);
    struct round round = {0};
    for (int64_t i = 0; i < b->images * b->sets; i++) {
        const int64_t at = image + i / b->sets, set = first + i % b->sets;
        if (at >= images || set >= phase->filter_count || number >= filter_blocks(&phase->filters[set].shape))
            continue;
        const struct filter_lattice *lattice = &phase->filters[set];
        struct filter_block *block = &round.blocks[round.count++];
        *block = block_of(run, phase, lattice, at, number);
        block->inputs = inputs;
        inputs += input_floats(&lattice->shape);
        round.segments += segments_of(&lattice->shape, block->count);
    }
    round.parts = phase->filters[0].weights == FILTER_READY ? round.segments : at_most(b->parts, round.segments);
    return round;
}

/* All blocks of a phase, one round after the other. */
static void run_shared_phase(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct room room = room_for(phase, run->threads);
    const struct filter_shape *b = &phase->filters[0].shape;
    const int64_t images = window_images(&run->state->window);
    struct deal deals[2];
    struct filter_source sources[FILTER_MOST];
    filter_list_sources(&phase->filters[0], run->kernels->filter, sources);
    deal_begin(&deals[0], run->threads);
    deal_begin(&deals[1], run->threads);
#pragma omp parallel num_threads(run->threads) if (run->threads > 1)
    {
        struct share share = share_of(run, &room);
        share.sources = sources;
        for (int64_t image = 0; image < images; image += b->images)
            for (int i = 0; i < phase->filter_count; i += b->sets)
                for (int64_t number = 0; number < filter_blocks(&phase->filters[i].shape); number++) {
                    struct round round = round_of(run, phase, i, image, number, share.inputs);
                    run_shared(&round, &share, deals);
                }
    }
}

/* Rounds of a phase that have one thread each. */
static void run_rounds(const struct blocked_run *run, const struct blocked_phase *phase) {
    const struct room room = room_for(phase, run->threads);
    const struct filter_shape *b = &phase->filters[0].shape;
    const int64_t images = window_images(&run->state->window), blocks = filter_blocks(b);
    const int64_t rounds = divide_up(phase->filter_count, b->sets) * blocks; /* of an image */
    struct deal deal;
    struct filter_source sources[FILTER_MOST];
    filter_list_sources(&phase->filters[0], run->kernels->filter, sources);
    deal_begin(&deal, run->threads);
#pragma omp parallel num_threads(run->threads) if (run->threads > 1)
    {
        struct share share = share_of(run, &room);
        share.sources = sources;
        for (int64_t unit = 0; deal_take(&deal, images * rounds, &unit);) {
            const int first = (int)(unit % rounds / blocks) * b->sets;
            struct round round = round_of(run, phase, first, unit / rounds, unit % rounds % blocks, share.inputs);
            for (int i = 0; i < round.count; i++)
                read_block(&round.blocks[i]);
            for (int64_t panel = 0; panel < filter_panels(b); panel++)
                run_part(&round, panel, &share);
        }
    }
}

/* The lattices of all phases whose blocks have one thread each: they read the same inputs, so they go side by side. */
struct owned {
    int64_t count, slots; /* slots: the blocks of the lattice that has most */
    struct room room;
};

static struct owned owned_of(const struct blocked_run *run) {
    struct owned owned = {0};
    for (int64_t p = 0; p < run->state->phase_count; p++) {
        const struct blocked_phase *phase = &run->state->phases[p];
        if (!is_owned(phase))
            continue;
        add_room(&owned.room, phase, run->threads);
        owned.count += phase->filter_count;
        for (int i = 0; i < phase->filter_count; i++)
            if (filter_blocks(&phase->filters[i].shape) > owned.slots)
                owned.slots = filter_blocks(&phase->filters[i].shape);
    }
    return owned;
}

/* The block of the i-th lattice that falls into a slot, if there is one: blocks are spread evenly over the slots. */
static struct filter_block block_in_slot(const struct blocked_run *run, int64_t i, int64_t image, int64_t slot,
                                         int64_t slots) {
    const struct blocked_phase *phase = run->state->phases;
    while (!is_owned(phase) || i >= phase->filter_count) {
        i -= is_owned(phase) ? phase->filter_count : 0;
        phase++;
    }
    const int64_t blocks = filter_blocks(&phase->filters[i].shape), number = divide_up(slot * blocks, slots);
    if (number < blocks && number * slots / blocks == slot)
        return block_of(run, phase, &phase->filters[i], image, number);
    return (struct filter_block){0};
}

static void run_owned(const struct blocked_run *run) {
    const struct owned owned = owned_of(run);
    const int64_t images = window_images(&run->state->window);
    struct deal deal;
    deal_begin(&deal, run->threads);
#pragma omp parallel num_threads(run->threads) if (run->threads > 1)
    {
        const struct share share = share_of(run, &owned.room);
        for (int64_t unit = 0; deal_take(&deal, images * owned.slots * owned.count, &unit);) {
            struct filter_block block = block_in_slot(run, unit % owned.count, unit / owned.count / owned.slots,
                                                      unit / owned.count % owned.slots, owned.slots);
            block.inputs = share.inputs;
            if (block.count > 0)
                run_own(&block, &share);
        }
    }
}

void blocked_filter_run(const struct blocked_run *run) {
    bool owned = false;
    for (int64_t i = 0; i < run->state->phase_count; i++) {
        const struct blocked_phase *phase = &run->state->phases[i];
        owned = owned || is_owned(phase);
        if (phase->algorithm == BLOCKED_FILTER && phase->filters[0].shape.shared)
            run_shared_phase(run, phase);
        else if (phase->algorithm == BLOCKED_FILTER && phase->filters[0].weights == FILTER_PANELS)
            run_rounds(run, phase);
    }
    if (owned)
        run_owned(run);
}
