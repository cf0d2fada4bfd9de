#include "ops/blocked/winograd/winograd_algorithm.h"

#include "ops/blocked/blocked_run.h"
#include "ops/blocked/winograd/winograd_pack.h"
#include "ops/blocked/winograd/winograd_plan.h"
#include "ops/blocked/winograd/winograd_run.h"
#include "ops/blocked/winograd/winograd_tiling.h"
#include "ops/blocked/winograd/winograd_workspace.h"

static bool fits(const struct blocked_state *state, const struct kernels *kernels, const struct lattice *lattice) {
    (void)lattice;
    return state->to_blocks && state->from_blocks && kernels->filter && state->forced->winograd != FORCED_NO;
}

static bool plan(const struct blocked_state *state, const struct blocked_settings *settings,
                 struct blocked_phase *phase) {
    const struct window *window = &state->window;
    phase->filter_count = filter_choose(window, &phase->lattice, settings->per_panel, state->forced, phase->filters);
    if (phase->filter_count == 0)
        return false;
    const struct filter_team team = {settings->threads, phase->filter_count, window_images(window), state->forced};
    filter_shape(window, settings->kernels->block->blocks, &team, phase->filters);
    phase->floats = filter_kept(&phase->filters[0]) * phase->filters[0].part_count *
                    channel_blocks(window->in_channels) * window->group * phase->rows * CHANNEL_BLOCK * CHANNEL_BLOCK;
    return true;
}

static int64_t unit(const struct blocked_phase *phase) {
    return phase->filters[0].y.out_step * phase->filters[0].axis[0].outputs;
}

static void limit_grid(struct filter_lattice *filter, struct rows rows, int64_t top) {
    struct filter_axis *axis = &filter->axis[0];
    const int64_t first = blocked_limit_rows(&filter->y, rows, top);
    axis->tiles = divide_up(filter->y.points, axis->outputs);
    for (int i = 0; i < filter->part_count; i++)
        filter->parts[i].first[0] += first / axis->outputs * axis->advance * axis->step;
}

/* Sets without points in these rows are left out; a phase without any set has nothing to do. */
static void limit_rows(const struct window *window, const struct kernels *kernels, struct rows rows, int64_t top,
                       struct blocked_phase *phase) {
    const int count = phase->filter_count;
    phase->filter_count = 0;
    for (int i = 0; i < count; i++) {
        struct filter_lattice filter = phase->filters[i];
        limit_grid(&filter, rows, top);
        if (filter.y.points > 0)
            phase->filters[phase->filter_count++] = filter;
    }
    const struct filter_team team = {1, phase->filter_count, 1, forced_choices_of(kernels)};
    if (phase->filter_count > 0)
        filter_shape(window, kernels->block->blocks, &team, phase->filters);
}

static uint64_t layout(const struct blocked_phase *phase) {
    const struct filter_lattice *filter = &phase->filters[0];
    const uint64_t kinds = (uint64_t)(filter->axis[0].kind * FILTER_KINDS + filter->axis[1].kind);
    return (kinds * 8 + filter->weights) * 64 + (uint64_t)filter->shape.panel;
}

const struct conv_algorithm winograd_algorithm = {.name = "Winograd",
                                                  .fits = fits,
                                                  .plan = plan,
                                                  .unit = unit,
                                                  .limit_rows = limit_rows,
                                                  .pack = winograd_pack,
                                                  .layout = layout,
                                                  .bytes = blocked_filter_bytes,
                                                  .run = blocked_filter_run};
