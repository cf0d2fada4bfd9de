#include "ops/blocked/engine/blocked_plan.h"

#include "ops/blocked/engine/algorithms.h"
#include "ops/blocked/engine/forced_check.h"
#include "ops/conv/window_phases.h"

#include <stdlib.h>

/* The first algorithm that fits and pays. */
static status plan_phase(const struct blocked_state *state, const struct blocked_settings *settings,
                         struct blocked_phase *phase, struct error *err) {
    phase->rows = channel_blocks(state->window.out_channels);
    for (int i = 0; conv_algorithms[i]; i++) {
        phase->algorithm = conv_algorithms[i];
        if (phase->algorithm->fits(state, settings->kernels, &phase->lattice) &&
            phase->algorithm->plan(state, settings, phase))
            return STATUS_OK;
    }
    return fail(err, STATUS_UNSUPPORTED, "too many output channels for a plain output");
}

/* Lattices whose weights are ready read their inputs side by side: beside them one that transforms its own loses more
   time than memory is worth. */
static status plan_alike(const struct blocked_state *state, struct blocked_settings settings, struct error *err) {
    bool ready = false;
    status code = STATUS_OK;
    settings.per_panel = false;
    for (int64_t i = 0; i < state->phase_count; i++)
        ready = ready || blocked_keeps(&state->phases[i], FILTER_READY);
    for (int64_t i = 0; i < state->phase_count && ready && code == STATUS_OK; i++)
        if (blocked_keeps(&state->phases[i], FILTER_PANELS))
            code = plan_phase(state, &settings, &state->phases[i], err);
    return code;
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
    const struct blocked_settings settings = {kernels, threads, true};
    int64_t points = 0, highest[2] = {0, 0};
    state->forced = forced_choices_of(kernels);
    state->phase_count = window_lattices(window, state->transposed);
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        window_lattice(window, state->transposed, i, &state->phases[i].lattice);
        if (plan_phase(state, &settings, &state->phases[i], err) != STATUS_OK)
            return err->code;
        points += state->phases[i].lattice.points;
        if (state->phases[i].lattice.points > 0)
            cover_image(state, &state->phases[i].lattice, highest);
    }
    if (plan_alike(state, settings, err) != STATUS_OK)
        return err->code;
    for (int d = 0; d < 2; d++)
        state->padded[d] = highest[d] - state->lowest[d] + 1;
    state->uncovered = points < window->axis[1].out * window->axis[2].out;
    return forced_check(state, err);
}
