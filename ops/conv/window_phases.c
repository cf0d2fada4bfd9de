#include "ops/conv/window_phases.h"

#include "base/sizes.h"

#include "ops/conv/phase_access.h"

static struct phase_axis forward_axis(const struct window_axis *axis) {
    return (struct phase_axis){.in = axis->in,
                               .positions = axis->out,
                               .step = axis->stride,
                               .first = -axis->pad_begin,
                               .taps = axis->kernel,
                               .tap_step = axis->dilation,
                               .kernel_step = 1,
                               .out = axis->out,
                               .out_step = 1};
}

static int64_t modulo(int64_t a, int64_t b) {
    return (a % b + b) % b;
}

/*
 * The phase whose smallest kernel index is kernel0: its taps k = kernel0 + t * stride/gcd meet outputs o with
 * (o + pad) = k * dilation (mod stride), at input (o + pad - k * dilation) / stride.
 */
static struct phase_axis transposed_axis(const struct window_axis *axis, int64_t kernel0) {
    const int64_t stride = axis->stride;
    const int64_t kernel_step = stride / greatest_common_divisor(stride, axis->dilation);
    const int64_t reach = kernel0 * axis->dilation;
    const int64_t out0 = modulo(reach - axis->pad_begin, stride);
    return (struct phase_axis){.in = axis->in,
                               .positions = out0 < axis->out ? (axis->out - out0 + stride - 1) / stride : 0,
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

static struct phase_axis phase_axis(const struct window_axis *axis, bool transposed, int64_t phase) {
    return transposed ? transposed_axis(axis, phase) : forward_axis(axis);
}

int64_t window_phases(const struct window *window, bool transposed) {
    int64_t count = 1;
    for (int d = 0; d < SPATIAL; d++)
        count *= axis_phases(&window->axis[d], transposed); /* at most the weights of one channel pair */
    return count;
}

void window_phase(const struct window *window, bool transposed, int64_t i, struct phase_geometry *geometry) {
    for (int d = SPATIAL - 1; d >= 0; d--) {
        const int64_t phases = axis_phases(&window->axis[d], transposed);
        geometry->axis[d] = phase_axis(&window->axis[d], transposed, i % phases);
        i /= phases;
    }
    phase_close(geometry, window->in_channels);
}
