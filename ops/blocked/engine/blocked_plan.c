#include "ops/blocked/engine/blocked_plan.h"

#include "ops/blocked/few_outputs.h"
#include "ops/blocked/winograd/winograd_plan.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/conv/window_phases.h"

#include <stdlib.h>

static void close_depth(struct blocked_depth *depth) {
    const int64_t entries = depth->down * depth->across;
    const int64_t fitting = DEPTH_CUT / (entries * depth->length);
    depth->cut_blocks = fitting < 1 ? 1 : fitting < depth->blocks ? fitting : depth->blocks;
    depth->cuts = (depth->blocks + depth->cut_blocks - 1) / depth->cut_blocks;
    depth->total = entries * depth->length * depth->blocks;
}

static struct blocked_depth depth_of(const struct blocked_state *state, const struct lattice *lattice) {
    const struct lattice_axis *ay = &lattice->axis[1], *ax = &lattice->axis[2];
    const int64_t channels = state->window.in_channels;
    struct blocked_depth depth = {.down = ay->taps, .across = ax->taps, .length = CHANNEL_BLOCK};
    depth.blocks = channel_blocks(channels);
    if (!state->from_blocks) {
        depth.merged = ax->tap_step == 1 || ax->tap_step == -1 || ax->taps == 1;
        depth.across = depth.merged ? 1 : ax->taps;
        depth.length = depth.merged ? ax->taps * channels : channels;
        depth.blocks = 1;
    }
    close_depth(&depth);
    return depth;
}

static void plan_narrow(const struct blocked_state *state, struct blocked_phase *phase) {
    phase->algorithm = BLOCKED_NARROW;
    phase->beside = blocked_narrow_beside(state, &phase->lattice);
    phase->depth = (struct blocked_depth){.down = phase->lattice.axis[1].taps + phase->beside - 1,
                                          .across = phase->lattice.axis[2].taps,
                                          .length = state->window.in_channels,
                                          .blocks = channel_blocks(state->window.in_channels)};
    phase->depth.total = phase->lattice.axis[1].taps * phase->depth.across * phase->depth.length;
    phase->floats = state->window.out_channels * phase->depth.total * phase->beside;
}

/* panels: whether a panel's weights may be transformed in passing as a whole. */
static void plan_phase(const struct blocked_state *state, const struct kernels *kernels, int threads, bool panels,
                       struct blocked_phase *phase) {
    phase->algorithm = BLOCKED_DIRECT;
    phase->rows = channel_blocks(state->window.out_channels);
    if (!state->to_blocks) {
        plan_narrow(state, phase);
    } else if (state->from_blocks && kernels->filter &&
               (phase->filter_count = filter_choose(&state->window, &phase->lattice, panels, phase->filters)) > 0) {
        const struct filter_lattice *filter = &phase->filters[0];
        phase->algorithm = BLOCKED_FILTER;
        const struct filter_team team = {threads, phase->filter_count, window_images(&state->window)};
        filter_shape(&state->window, kernels->block->blocks, &team, phase->filters);
        phase->floats = filter_kept(filter) * filter->part_count * channel_blocks(state->window.in_channels);
    } else {
        phase->depth = depth_of(state, &phase->lattice);
    }
    if (phase->algorithm == BLOCKED_FILTER)
        phase->floats *= state->window.group * phase->rows * CHANNEL_BLOCK * CHANNEL_BLOCK;
    else if (phase->algorithm == BLOCKED_DIRECT)
        phase->floats = state->window.group * phase->rows * CHANNEL_BLOCK * phase->depth.total;
}

/* Lattices whose weights are ready read their inputs side by side: beside them one that transforms its own loses more
   time than memory is worth. */
static void plan_alike(const struct blocked_state *state, const struct kernels *kernels, int threads) {
    bool ready = false;
    for (int64_t i = 0; i < state->phase_count; i++)
        ready = ready || blocked_keeps(&state->phases[i], FILTER_READY);
    for (int64_t i = 0; i < state->phase_count && ready; i++)
        if (blocked_keeps(&state->phases[i], FILTER_PANELS))
            plan_phase(state, kernels, threads, false, &state->phases[i]);
}

/* The rows and columns that an image's copy must have. */
static void cover_image(struct blocked_state *state, const struct lattice *lattice, int64_t highest[2]) {
    for (int d = 0; d < 2; d++) {
        const struct lattice_axis *axis = &lattice->axis[1 + d];
        const int64_t taps = (axis->taps - 1) * axis->tap_step;
        const int64_t low = axis->first + (taps < 0 ? taps : 0);
        const int64_t high = axis->first + (axis->points - 1) * axis->step + (taps > 0 ? taps : 0);
        state->lowest[d] = low < state->lowest[d] ? low : state->lowest[d];
        highest[d] = high > highest[d] ? high : highest[d];
    }
}

status blocked_plan(struct blocked_state *state, const struct kernels *kernels, int threads, struct error *err) {
    const struct window *window = &state->window;
    int64_t points = 0, highest[2] = {0, 0};
    state->phase_count = window_lattices(window, state->transposed);
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        window_lattice(window, state->transposed, i, &state->phases[i].lattice);
        if (!state->to_blocks && !blocked_narrow_fits(state, &state->phases[i].lattice))
            return fail(err, STATUS_UNSUPPORTED, "too many output channels for a plain output");
        plan_phase(state, kernels, threads, true, &state->phases[i]);
        points += state->phases[i].lattice.points;
        if (state->phases[i].lattice.points > 0)
            cover_image(state, &state->phases[i].lattice, highest);
    }
    plan_alike(state, kernels, threads);
    for (int d = 0; d < 2; d++)
        state->padded[d] = highest[d] - state->lowest[d] + 1;
    state->uncovered = points < window->axis[1].out * window->axis[2].out;
    return STATUS_OK;
}
