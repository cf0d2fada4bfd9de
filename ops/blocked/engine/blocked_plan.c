#include "ops/blocked/engine/blocked_plan.h"

#include "ops/blocked/engine/algorithms.h"
#include "ops/blocked/engine/forced_check.h"
#include "ops/conv/window_phases.h"

#include <stdlib.h>

/* Takes the first algorithm that fits and whose plan accepts the phase. */
static status plan_phase(const struct blocked_state *state, const struct blocked_settings *settings,
                         struct blocked_phase *phase, struct error *err) {
    phase->out_blocks = channel_blocks(state->window.out_channels);
    for (int i = 0; conv_algorithms[i]; i++) {
        phase->algorithm = conv_algorithms[i];
        if (phase->algorithm->fits(state, settings->kernels, &phase->geometry) &&
            phase->algorithm->plan(state, settings, phase))
            return STATUS_OK;
    }
    return fail(err, STATUS_UNSUPPORTED, "no algorithm for this many output channels, or so wide a window");
}

/*
 * Phases with WINOGRAD_TRANSFORMED weights alternate over the same inputs. A WINOGRAD_PER_PANEL phase among them would
 * read the inputs again, which costs more than its smaller weights are worth: it is planned anew without.
 */
static status plan_alike(const struct blocked_state *state, struct blocked_settings settings, struct error *err) {
    bool transformed = false;
    status code = STATUS_OK;
    settings.per_panel = false;
    for (int64_t i = 0; i < state->phase_count; i++)
        transformed = transformed || winograd_has_weights(&state->phases[i], WINOGRAD_TRANSFORMED);
    for (int64_t i = 0; i < state->phase_count && transformed && code == STATUS_OK; i++)
        if (winograd_has_weights(&state->phases[i], WINOGRAD_PER_PANEL))
            code = plan_phase(state, &settings, &state->phases[i], err);
    return code;
}

/* Extends the copy of a plain input to the rows and columns that a phase meets. */
static void cover_phase(struct blocked_state *state, const struct phase_geometry *geometry, int64_t highest[2]) {
    for (int d = 0; d < 2; d++) {
        const struct phase_axis *axis = &geometry->axis[1 + d];
        const int64_t taps = (axis->taps - 1) * axis->tap_step;
        const int64_t low = axis->first + (taps < 0 ? taps : 0);
        const int64_t high = axis->first + (axis->positions - 1) * axis->step + (taps > 0 ? taps : 0);
        state->lowest[d] = low < state->lowest[d] ? low : state->lowest[d];
        highest[d] = high > highest[d] ? high : highest[d];
    }
}

status blocked_plan(struct blocked_state *state, const struct kernels *kernels, int threads, struct error *err) {
    const struct window *window = &state->window;
    const struct blocked_settings settings = {kernels, threads, true};
    int64_t positions = 0, highest[2] = {0, 0};
    state->forced = forced_choices_of(kernels);
    state->phase_count = window_phases(window, state->transposed);
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        window_phase(window, state->transposed, i, &state->phases[i].geometry);
        if (plan_phase(state, &settings, &state->phases[i], err) != STATUS_OK)
            return err->code;
        positions += state->phases[i].geometry.positions;
        if (state->phases[i].geometry.positions > 0)
            cover_phase(state, &state->phases[i].geometry, highest);
    }
    if (plan_alike(state, settings, err) != STATUS_OK)
        return err->code;
    for (int d = 0; d < 2; d++)
        state->copy_size[d] = highest[d] - state->lowest[d] + 1;
    state->uncovered = positions < window->axis[1].out * window->axis[2].out;
    return forced_check(state, err);
}
