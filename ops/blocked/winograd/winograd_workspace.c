#include "ops/blocked/winograd/winograd_workspace.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/winograd_mend.h"
#include "ops/blocked/winograd/winograd_range.h"
#include "ops/blocked/winograd/winograd_tiling.h"

#define LANES CHANNEL_BLOCK

static size_t greatest(size_t a, size_t b) {
    return a > b ? a : b;
}

static size_t whole_lines(int64_t floats) {
    return (size_t)whole_units(floats, LANES);
}

/* The kernel reads whole register tiles: behind the last element there must be floats to read, whatever they are. */
size_t winograd_input_floats(const struct winograd_tiling *tiling) {
    return whole_lines(tiling->elements * tiling->element + BLOCK_PIXELS * LANES);
}

void winograd_add_workspace(struct winograd_workspace *workspace, const struct blocked_phase *phase, int threads) {
    const struct winograd_grid *grid = &phase->grids[0]; /* the others have fewer tiles, or as many */
    const struct winograd_tiling *tiling = &grid->tiling;
    if (!tiling->shared)
        workspace->scratch_inputs = threads > 1;
    workspace->inputs = greatest(workspace->inputs, winograd_input_floats(tiling));
    workspace->sums = greatest(workspace->sums, whole_lines(tiling->elements * tiling->sums_element));
    workspace->range =
        greatest(workspace->range, (size_t)(winograd_range_size(phase) * tiling->grids * tiling->images));
    workspace->weights =
        greatest(workspace->weights, (size_t)(winograd_expanded_count(grid) * winograd_expanded_stride(tiling)));
    if (grid->weights == WINOGRAD_IN_KERNEL && tiling->k_block < tiling->depth)
        workspace->waiting_sums =
            greatest(workspace->waiting_sums,
                     (size_t)(winograd_panels(tiling) * winograd_segments(tiling, winograd_wave_tiles(tiling))));
}

struct winograd_workspace winograd_workspace_for(const struct blocked_phase *phase, int threads) {
    struct winograd_workspace workspace = {0};
    winograd_add_workspace(&workspace, phase, threads);
    return workspace;
}

/* Floats of the sums of all segments that wait, or of one segment. */
static size_t all_sums(const struct winograd_workspace *workspace) {
    return workspace->sums * (workspace->waiting_sums ? workspace->waiting_sums : 1);
}

/* Sums lie in scratch, unless they wait and any thread may go on with them. */
static bool scratch_sums(const struct winograd_workspace *workspace) {
    return workspace->independent || workspace->waiting_sums == 0;
}

static struct blocked_bytes workspace_bytes(const struct winograd_workspace *workspace) {
    const size_t inputs = workspace->inputs * sizeof(float), sums = all_sums(workspace) * sizeof(float);
    struct blocked_bytes bytes = {.scratch = workspace->weights * sizeof(float) + workspace->range * sizeof(uint16_t)};
    *(workspace->scratch_inputs ? &bytes.scratch : &bytes.shared) += inputs;
    *(scratch_sums(workspace) ? &bytes.scratch : &bytes.shared) += sums;
    return bytes;
}

bool winograd_runs_by_group(const struct blocked_phase *phase) {
    return phase->grid_count > 0 && !phase->grids[0].tiling.shared && phase->grids[0].weights != WINOGRAD_PER_PANEL;
}

/* Panels of a thread from which on it is worth the while that it transforms the inputs by itself. */
#define LEAST_PANELS 12

bool winograd_runs_independently(const struct blocked_state *state, int threads) {
    int64_t panels = 0;
    for (int64_t i = 0; i < state->phase_count; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_IN_KERNEL))
            panels += winograd_panels(&state->phases[i].grids[0].tiling);
    return panels > 0 &&
           forced_decide(state->forced->independent, panels >= (threads > 1 ? (int64_t)LEAST_PANELS * threads : 1));
}

struct winograd_workspace winograd_workspace_independent(const struct blocked_state *state, int threads) {
    struct winograd_workspace workspace = {0};
    for (int64_t i = 0; i < state->phase_count; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_IN_KERNEL))
            winograd_add_workspace(&workspace, &state->phases[i], threads);
    workspace.scratch_inputs = workspace.independent = true;
    return workspace;
}

struct blocked_bytes winograd_bytes(const struct blocked_state *state, int threads) {
    const bool independent = winograd_runs_independently(state, threads);
    const struct winograd_workspace whole = winograd_workspace_independent(state, threads);
    struct winograd_workspace groups = {0};
    struct blocked_bytes most = independent ? workspace_bytes(&whole) : (struct blocked_bytes){0};
    for (int64_t i = 0; i < state->phase_count; i++) {
        const struct blocked_phase *phase = &state->phases[i];
        const struct winograd_workspace workspace = winograd_workspace_for(phase, threads);
        if (winograd_runs_by_group(phase))
            winograd_add_workspace(&groups, phase, threads);
        else if (phase->grid_count > 0 && !(independent && winograd_has_weights(phase, WINOGRAD_IN_KERNEL)))
            blocked_add_bytes(&most, workspace_bytes(&workspace));
    }
    blocked_add_bytes(&most, workspace_bytes(&groups));
    blocked_add_bytes(&most, winograd_mend_bytes(state));
    most.shared += winograd_suspects_bytes(state);
    return most;
}

struct winograd_scratch winograd_scratch_of(const struct blocked_run *run, const struct winograd_workspace *workspace,
                                            struct team_thread self) {
    float *shared = run->workspace + winograd_suspects_bytes(run->state) / sizeof(float);
    float *own = blocked_scratch(run, self);
    struct winograd_scratch scratch = {.segment_sums = workspace->waiting_sums ? workspace->sums : 0};
    float **inputs = workspace->scratch_inputs ? &own : &shared, **sums = scratch_sums(workspace) ? &own : &shared;
    scratch.inputs = *inputs;
    *inputs += workspace->inputs;
    scratch.sums = *sums;
    *sums += all_sums(workspace);
    scratch.weights = own;
    scratch.range = (uint16_t *)(own + workspace->weights);
    scratch.range_stride = run->scratch_stride;
    return scratch;
}
