/* From a window to lattices: one for a convolution, one per residue for a transposed one. */
#include "ops/conv.h"

#include <stdlib.h>

static struct lattice_axis forward_axis(const struct window_axis *axis) {
    return (struct lattice_axis){.in = axis->in,
                                 .points = axis->out,
                                 .step = axis->stride,
                                 .first = -axis->pad_begin,
                                 .taps = axis->kernel,
                                 .tap_step = axis->dilation,
                                 .kernel_step = 1,
                                 .out = axis->out,
                                 .out_step = 1};
}

static int64_t greatest_common_divisor(int64_t a, int64_t b) {
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static int64_t modulo(int64_t a, int64_t b) {
    return (a % b + b) % b;
}

/*
 * The phase whose smallest kernel index is kernel0: its taps k = kernel0 + t * stride/gcd meet outputs o with
 * (o + pad) = k * dilation (mod stride), at input (o + pad - k * dilation) / stride.
 */
static struct lattice_axis transposed_axis(const struct window_axis *axis, int64_t kernel0) {
    const int64_t stride = axis->stride;
    const int64_t kernel_step = stride / greatest_common_divisor(stride, axis->dilation);
    const int64_t reach = kernel0 * axis->dilation;
    const int64_t out0 = modulo(reach - axis->pad_begin, stride);
    return (struct lattice_axis){.in = axis->in,
                                 .points = out0 < axis->out ? (axis->out - out0 + stride - 1) / stride : 0,
                                 .step = 1,
                                 .first = (out0 + axis->pad_begin - reach) / stride,
                                 .taps = (axis->kernel - kernel0 + kernel_step - 1) / kernel_step,
                                 .tap_step = -(kernel_step * axis->dilation / stride),
                                 .kernel0 = kernel0,
                                 .kernel_step = kernel_step,
                                 .out = axis->out,
                                 .out0 = out0,
                                 .out_step = stride};
}

/* Phases of one dimension: kernel indices 0 .. stride/gcd - 1 start one each. */
static int64_t axis_phases(const struct window_axis *axis, bool transposed) {
    if (!transposed)
        return 1;
    const int64_t distinct = axis->stride / greatest_common_divisor(axis->stride, axis->dilation);
    return distinct < axis->kernel ? distinct : axis->kernel;
}

static struct lattice_axis phase_axis(const struct window_axis *axis, bool transposed, int64_t phase) {
    return transposed ? transposed_axis(axis, phase) : forward_axis(axis);
}

static void choose_algorithm(const struct window *window, const struct kernels *kernels, struct conv_phase *phase) {
    if (kernels->filter)
        phase->filter_count = filter_choose(window, &phase->lattice, kernels->gemm, phase->filters, PHASE_FILTERS);
    phase->floats = window->group * window->out_channels * window->in_channels * phase->lattice.taps;
    if (phase->filter_count) {
        phase->algorithm = CONV_FILTER;
        phase->floats = filter_weight_floats(window, &phase->filters[0]);
    } else if (spread_choose(window, &phase->lattice, kernels->gemm, &phase->spread)) {
        phase->algorithm = CONV_SPREAD;
    }
}

/* Phases of one algorithm together, the order among equals kept. */
static void sort_phases(struct conv_state *state) {
    int64_t sorted = 0;
    for (int algorithm = CONV_DIRECT; algorithm <= CONV_FILTER; algorithm++) {
        for (int64_t i = sorted; i < state->phase_count; i++)
            if (state->phases[i].algorithm == (enum conv_algorithm)algorithm) {
                const struct conv_phase phase = state->phases[i];
                for (int64_t j = i; j > sorted; j--)
                    state->phases[j] = state->phases[j - 1];
                state->phases[sorted++] = phase;
            }
        if (algorithm == CONV_DIRECT)
            state->direct = sorted;
    }
}

status conv_make_phases(struct conv_state *state, const struct kernels *kernels, struct error *err) {
    const struct window *window = &state->window;
    int64_t phases[SPATIAL], points = 0, outputs = 1;
    state->phase_count = 1;
    for (int d = 0; d < SPATIAL; d++) {
        phases[d] = axis_phases(&window->axis[d], state->transposed);
        state->phase_count *= phases[d]; /* at most the weights of one channel pair */
        outputs *= window->axis[d].out;
    }
    state->phases = calloc((size_t)state->phase_count, sizeof *state->phases);
    if (!state->phases)
        return fail_memory(err, "the phases of a convolution");
    for (int64_t i = 0; i < state->phase_count; i++) {
        struct conv_phase *phase = &state->phases[i];
        const int64_t index[SPATIAL] = {i / (phases[1] * phases[2]), i / phases[2] % phases[1], i % phases[2]};
        for (int d = 0; d < SPATIAL; d++)
            phase->lattice.axis[d] = phase_axis(&window->axis[d], state->transposed, index[d]);
        lattice_close(&phase->lattice, window->in_channels);
        phase->state = state;
        choose_algorithm(window, kernels, phase);
        points += phase->lattice.points;
    }
    state->uncovered = points < outputs;
    sort_phases(state);
    return STATUS_OK;
}
