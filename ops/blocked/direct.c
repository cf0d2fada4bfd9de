#include "ops/blocked/direct.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/direct_pack.h"
#include "ops/blocked/direct_tile.h"
#include "ops/core/work_queue.h"

#include <math.h>

#define LEAST_POSITIONS 24                /* of a macro tile */
#define NEAR_WEIGHTS ((int64_t)192 << 10) /* floats of weights that stay in L2 beside the inputs of a macro tile */
#define FEW_WEIGHTS ((int64_t)1 << 20)    /* floats of all phases that every thread may read for itself */

/* ---- a run ---- */

/* Phases that are walked as one: their macro tiles alternate. */
struct direct_work {
    const struct blocked_run *run;
    const struct blocked_phase *phases;
    int64_t count, images, parts;
    int64_t across, down; /* macro tiles over output channels, and over the positions of a part, of every phase */
};

static bool is_direct(const struct blocked_phase *phase) {
    return phase->algorithm == &direct_algorithm && phase->geometry.positions > 0;
}

/* Phases of a transposed convolution read the same inputs. They are walked as one if all their weights stay in L2. */
static bool walks_phases_together(const struct blocked_state *state) {
    int64_t floats = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (is_direct(&state->phases[i]))
            floats += state->phases[i].depth.total * DIRECT_LANES;
    return forced_decide(state->forced->phases_together, floats <= NEAR_WEIGHTS);
}

/*
 * With few weights the positions are divided into parts, one for each thread, which so reads what it wrote in the layer
 * before. With many, threads take different output channels, and each reads weights of its own.
 */
static void split_parts(const struct blocked_run *run, int64_t weights, struct direct_work *work) {
    const bool few = forced_decide(run->state->forced->parts, weights <= FEW_WEIGHTS);
    work->parts = few ? between(1, run->threads, work->down) : 1;
    work->down = divide_up(work->down, work->parts);
}

/* Several macro tiles for every thread, so that all end at about the same time. */
static struct direct_work work_of(const struct blocked_run *run, const struct blocked_phase *phases, int64_t count) {
    struct direct_work work = {
        .run = run, .phases = phases, .count = count, .images = window_images(&run->state->window)};
    int64_t positions = 0, weights = 0;
    for (int64_t i = 0; i < count; i++) {
        if (!is_direct(&phases[i]))
            continue;
        weights += phases[i].floats;
        positions = phases[i].geometry.positions > positions ? phases[i].geometry.positions : positions;
        work.across = divide_up(phases[i].out_blocks, DIRECT_BLOCKS);
    }
    const int64_t wanted = run->threads > 1 ? (int64_t)run->threads * 6 : 1, others = work.images * work.across;
    work.down = divide_up(positions, DIRECT_POSITIONS);
    if (others > 0 && others * work.down < wanted)
        work.down = divide_up(wanted, others);
    if (work.down > positions / LEAST_POSITIONS)
        work.down = positions < LEAST_POSITIONS ? positions > 0 : positions / LEAST_POSITIONS;
    if (run->state->forced->macro_positions)
        work.down = divide_up(positions, forced_size(run->state->forced->macro_positions, DIRECT_POSITIONS));
    if (positions > 0)
        split_parts(run, weights, &work);
    return work;
}

/* The macro tile of a unit of work; false if it is empty. */
static bool macro_tile_of(const struct direct_work *work, int64_t unit, struct direct_macro_tile *macro) {
    const struct blocked_phase *phase = &work->phases[unit % work->count];
    const struct block_kernel *kernel = work->run->kernels->block;
    const int64_t number = unit / work->count, place = number % work->down;
    const int64_t column = number / work->down % work->across, part = number / work->down / work->across;
    if (!is_direct(phase))
        return false;
    const int64_t positions = phase->geometry.positions;
    const int64_t tile = kernel->pixels[panel_blocks(kernel, phase->out_blocks, 0)];
    const int64_t size = whole_units(divide_up(positions, work->down * work->parts), tile);
    *macro = (struct direct_macro_tile){.run = work->run,
                                        .phase = phase,
                                        .image = part / work->parts,
                                        .first = (part % work->parts * work->down + place) * size,
                                        .block0 = column * DIRECT_BLOCKS};
    macro->count = (int)at_most(positions - macro->first, size);
    macro->blocks = (int)at_most(phase->out_blocks - macro->block0, DIRECT_BLOCKS);
    macro->last = place + 1 == work->down || macro->first + macro->count >= positions;
    return macro->count > 0;
}

struct shared_work {
    const struct direct_work *work;
    int64_t units;
    struct work_queue queue;
};

static void run_macro_tiles(struct team_thread self, void *context) {
    struct shared_work *shared = context;
    float *scratch = blocked_scratch(shared->work->run, self);
    for (int64_t unit = 0; work_queue_take(&shared->queue, self, shared->units, &unit);) {
        struct direct_macro_tile macro;
        if (macro_tile_of(shared->work, unit, &macro))
            direct_run_macro_tile(macro, scratch);
    }
}

static void run_work(const struct direct_work *work) {
    const int threads = work->run->threads;
    struct shared_work shared = {.work = work};
    shared.units = work->images * work->parts * work->across * work->down * work->count;
    work_queue_start(&shared.queue, threads);
    team_run(shared.units > 1 ? threads : 1, run_macro_tiles, &shared);
}

static void run_direct(const struct blocked_run *run) {
    const struct blocked_state *state = run->state;
    const int64_t together = walks_phases_together(state) ? state->phase_count : 1;
    for (int64_t i = 0; i < state->phase_count; i += together) {
        const struct direct_work work = work_of(run, &state->phases[i], together);
        run_work(&work);
    }
}

/* ---- planning ---- */

/* part: of the entries, those that are read. */
static void divide_depth(const struct forced_choices *forced, double part, struct blocked_depth *depth) {
    const int64_t entries = depth->down * depth->across, read = (int64_t)ceil((double)entries * part);
    const int64_t fitting = forced_size(forced->depth, K_BLOCK) / ((read > 0 ? read : 1) * depth->length);
    depth->k_block = fitting < 1 ? 1 : fitting < depth->blocks ? fitting : depth->blocks;
    depth->k_blocks = (depth->blocks + depth->k_block - 1) / depth->k_block;
    depth->total = entries * depth->length * depth->blocks;
}

#define SPARSE 0.7 /* of all taps of all positions meet inputs: with fewer, those that do not are left out */

/* The part of an axis' taps, at all positions, that meet inputs. */
static double inside_part(const struct phase_axis *axis) {
    int64_t inside = 0;
    for (int64_t tap = 0; tap < axis->taps; tap++) {
        const int64_t start = phase_input(axis, 0, tap);
        const int64_t first = start < 0 ? divide_up(-start, axis->step) : 0;
        const int64_t end = start < axis->in ? at_most(divide_up(axis->in - start, axis->step), axis->positions) : 0;
        inside += end > first ? end - first : 0;
    }
    return (double)inside / (double)(axis->taps * axis->positions);
}

/* Dilated taps may reach beyond the picture, more often than not. */
static double inside_parts(const struct blocked_state *state, const struct phase_geometry *geometry) {
    const bool may = state->from_blocks && state->window.border == BORDER_ZERO && geometry->positions > 0;
    const double part = may ? inside_part(&geometry->axis[1]) * inside_part(&geometry->axis[2]) : 1;
    return part < SPARSE ? part : 1;
}

static struct blocked_depth depth_of(const struct blocked_state *state, const struct phase_geometry *geometry) {
    const struct phase_axis *ay = &geometry->axis[1], *ax = &geometry->axis[2];
    const int64_t channels = state->window.in_channels;
    struct blocked_depth depth = {.down = ay->taps, .across = ax->taps, .length = CHANNEL_BLOCK};
    depth.blocks = channel_blocks(channels);
    if (!state->from_blocks) {
        depth.merged = ax->tap_step == 1 || ax->tap_step == -1 || ax->taps == 1;
        depth.across = depth.merged ? 1 : ax->taps;
        depth.length = depth.merged ? ax->taps * channels : channels;
        depth.blocks = 1;
    }
    const double part = inside_parts(state, geometry);
    depth.sparse = part < 1;
    divide_depth(state->forced, part, &depth);
    return depth;
}

static bool fits(const struct blocked_state *state, const struct kernels *kernels,
                 const struct phase_geometry *geometry) {
    (void)kernels;
    (void)geometry;
    return state->to_blocks && !window_mixes_groups(&state->window);
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    (void)settings;
    phase->grid_count = 0;
    phase->depth = depth_of(state, &phase->geometry);
    phase->floats = state->window.group * phase->out_blocks * CHANNEL_BLOCK * phase->depth.total;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->geometry.axis[1].out_step;
}

static uint64_t layout(const struct blocked_phase *phase) {
    return (uint64_t)phase->depth.k_block;
}

static struct blocked_bytes bytes(const struct blocked_state *state, int threads) {
    (void)threads;
    return blocked_scratch_bytes(state, &direct_algorithm, direct_scratch_bytes);
}

const struct conv_algorithm direct_algorithm = {.name = "direct sums",
                                                .copies = true,
                                                .fits = fits,
                                                .plan = plan,
                                                .unit = unit,
                                                .pack = direct_pack,
                                                .layout = layout,
                                                .bytes = bytes,
                                                .run = run_direct};
