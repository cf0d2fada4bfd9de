#include "ops/blocked/winograd/winograd_algorithm.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/winograd_balance.h"
#include "ops/blocked/winograd/winograd_pack.h"
#include "ops/blocked/winograd/winograd_plan.h"
#include "ops/blocked/winograd/winograd_run.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_workspace.h"

static bool fits(const struct blocked_state *state, const struct kernels *kernels,
                 const struct phase_geometry *geometry) {
    (void)geometry;
    return state->to_blocks && state->from_blocks && !window_mixes_groups(&state->window) && kernels->winograd &&
           state->forced->winograd != FORCED_NO;
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    const struct window *window = &state->window;
    phase->grid_count = winograd_choose(window, &phase->geometry, settings->per_panel, state->forced, phase->grids);
    if (phase->grid_count == 0)
        return false;
    const struct winograd_team team = {settings->threads, phase->grid_count, window_images(window), state->forced};
    winograd_tile(window, settings->kernels->block->blocks, &team, phase->grids);
    phase->floats =
        window->group * (winograd_group_weights(phase, channel_blocks(window->in_channels) * CHANNEL_BLOCK) +
                         phase->out_blocks * WINOGRAD_BALANCE);
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->grids[0].y.out_step * phase->grids[0].axis[0].outputs;
}

static void limit_grid(struct winograd_grid *grid, struct row_range rows, int64_t top) {
    struct winograd_axis *axis = &grid->axis[0];
    const int64_t first = blocked_limit_rows(&grid->y, rows, top);
    axis->tiles = divide_up(grid->y.positions, axis->outputs);
    for (int i = 0; i < grid->part_count; i++)
        grid->parts[i].first[0] += first / axis->outputs * axis->advance * axis->step;
}

/* Grids without positions in these rows are left out; a phase without any grid has nothing to do. */
static void limit_rows(const struct window *window, const struct kernels *kernels, struct row_range rows, int64_t top,
                       struct blocked_phase *phase) {
    const int count = phase->grid_count;
    phase->grid_count = 0;
    for (int i = 0; i < count; i++) {
        struct winograd_grid grid = phase->grids[i];
        limit_grid(&grid, rows, top);
        if (grid.y.positions > 0)
            phase->grids[phase->grid_count++] = grid;
    }
    const struct winograd_team team = {1, phase->grid_count, 1, forced_choices_of(kernels)};
    if (phase->grid_count > 0)
        winograd_tile(window, kernels->block->blocks, &team, phase->grids);
}

static uint64_t layout(const struct blocked_phase *phase) {
    const struct winograd_grid *grid = &phase->grids[0];
    const uint64_t kinds = (uint64_t)(grid->axis[0].kind * WINOGRAD_KINDS + grid->axis[1].kind);
    return (kinds * 8 + grid->weights) * 64 + (uint64_t)grid->tiling.panel;
}

const struct conv_algorithm winograd_algorithm = {.name = "Winograd",
                                                  .copies = true,
                                                  .fits = fits,
                                                  .plan = plan,
                                                  .unit = unit,
                                                  .limit_rows = limit_rows,
                                                  .pack = winograd_pack,
                                                  .layout = layout,
                                                  .bytes = winograd_bytes,
                                                  .run = winograd_run};
