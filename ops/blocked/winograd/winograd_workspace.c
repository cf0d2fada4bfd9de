#include "ops/blocked/winograd/winograd_workspace.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/winograd_tiling.h"

#define LANES CHANNEL_BLOCK

static size_t greatest(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t whole_lines(int64_t floats) {
    return (size_t)whole_units(floats, LANES);
}

/* The kernel reads whole tiles: what a last one reads beyond a block's end is of no account. */
size_t winograd_input_floats(const struct winograd_tiling *tiling) {
    return whole_lines(tiling->elements * tiling->element + BLOCK_PIXELS * LANES);
}

void winograd_add_workspace(struct winograd_workspace *workspace, const struct blocked_phase *phase, int threads) {
    const struct winograd_grid *grid = &phase->grids[0]; /* the others differ in numbers of tiles alone */
    const struct winograd_tiling *b = &grid->tiling;
    if (!b->shared)
        workspace->own_inputs = threads > 1;
    workspace->inputs = greatest(workspace->inputs, winograd_input_floats(b));
    workspace->sums = greatest(workspace->sums, whole_lines(b->elements * b->sum_element));
    workspace->weights = greatest(workspace->weights, (size_t)(winograd_made(grid) * winograd_made_place(b)));
    if (grid->weights == WINOGRAD_IN_KERNEL && b->k_block < b->depth)
        workspace->waiting =
            greatest(workspace->waiting, (size_t)(winograd_panels(b) * winograd_segments(b, winograd_wave_tiles(b))));
}

struct winograd_workspace winograd_workspace_for(const struct blocked_phase *phase, int threads) {
    struct winograd_workspace workspace = {0};
    winograd_add_workspace(&workspace, phase, threads);
    return workspace;
}

/* Sums of all segments that wait, or of one. */
static size_t all_sums(const struct winograd_workspace *workspace) {
    return workspace->sums * (workspace->waiting ? workspace->waiting : 1);
}

/* What waits is of all threads together, unless they go apart. */
static bool own_sums(const struct winograd_workspace *workspace) {
    return workspace->apart || workspace->waiting == 0;
}

static struct blocked_bytes room_bytes(const struct winograd_workspace *workspace) {
    const size_t inputs = workspace->inputs * sizeof(float), sums = all_sums(workspace) * sizeof(float);
    struct blocked_bytes bytes = {.own = workspace->weights * sizeof(float)};
    *(workspace->own_inputs ? &bytes.own : &bytes.shared) += inputs;
    *(own_sums(workspace) ? &bytes.own : &bytes.shared) += sums;
    return bytes;
}

bool winograd_is_owned(const struct blocked_phase *phase) {
    return phase->grid_count > 0 && !phase->grids[0].tiling.shared && phase->grids[0].weights != WINOGRAD_PER_PANEL;
}

/* Panels for each thread that make it worth the while to transform their inputs by itself. */
#define LEAST_PANELS 12

bool winograd_goes_apart(const struct blocked_state *state, int threads) {
    int64_t panels = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_IN_KERNEL))
            panels += winograd_panels(&state->phases[i].grids[0].tiling);
    return panels > 0 &&
           forced_decide(state->forced->apart, panels >= (threads > 1 ? (int64_t)LEAST_PANELS * threads : 1));
}

struct winograd_workspace winograd_workspace_apart(const struct blocked_state *state, int threads) {
    struct winograd_workspace workspace = {0};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_IN_KERNEL))
            winograd_add_workspace(&workspace, &state->phases[i], threads);
    workspace.own_inputs = workspace.apart = true;
    return workspace;
}

struct blocked_bytes winograd_bytes(const struct blocked_state *state, int threads) {
    const bool apart = winograd_goes_apart(state, threads);
    const struct winograd_workspace pairs = winograd_workspace_apart(state, threads);
    struct winograd_workspace owned = {0};
    struct blocked_bytes most = apart ? room_bytes(&pairs) : (struct blocked_bytes){0};
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        const struct winograd_workspace workspace = winograd_workspace_for(phase, threads);
        if (winograd_is_owned(phase))
            winograd_add_workspace(&owned, phase, threads);
        else if (phase->grid_count > 0 && !(apart && winograd_has_weights(phase, WINOGRAD_IN_KERNEL)))
            blocked_add_bytes(&most, room_bytes(&workspace));
    }
    blocked_add_bytes(&most, room_bytes(&owned));
    return most;
}

struct winograd_scratch winograd_scratch_of(const struct blocked_run *run, const struct winograd_workspace *workspace,
                                            struct team_thread self) {
    float *shared = run->workspace, *own = blocked_own(run, self);
    struct winograd_scratch scratch = {.segment_sums = workspace->waiting ? workspace->sums : 0};
    float **inputs = workspace->own_inputs ? &own : &shared, **sums = own_sums(workspace) ? &own : &shared;
    scratch.inputs = *inputs;
    *inputs += workspace->inputs;
    scratch.sums = *sums;
    *sums += all_sums(workspace);
    scratch.weights = own;
    return scratch;
}
