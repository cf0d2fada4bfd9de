#include "ops/conv/window_weights.h"

struct window_weights window_weights(const struct window *window, bool transposed, const void *source,
                                     const float *scale) {
    const int64_t kernel = window->axis[0].kernel * window->axis[1].kernel * window->axis[2].kernel;
    return (struct window_weights){.source = source,
                                   .scale = scale,
                                   .group_stride = window->in_channels * window->out_channels * kernel,
                                   .row_stride = transposed ? kernel : window->in_channels * kernel,
                                   .channel_stride = transposed ? window->out_channels * kernel : kernel,
                                   .floats = window->group * window->in_channels * window->out_channels * kernel};
}

int64_t phase_kernel(const struct window *window, const struct phase_geometry *geometry, int64_t tap) {
    const struct phase_axis *az = &geometry->axis[0], *ay = &geometry->axis[1], *ax = &geometry->axis[2];
    const int64_t z = az->kernel0 + tap / (ay->taps * ax->taps) * az->kernel_step;
    const int64_t y = ay->kernel0 + tap / ax->taps % ay->taps * ay->kernel_step;
    const int64_t x = ax->kernel0 + tap % ax->taps * ax->kernel_step;
    return (z * window->axis[1].kernel + y) * window->axis[2].kernel + x;
}

bool window_weights_constant(const struct op_call *call) {
    const struct tensor *weight = call->inputs[1], *scale = op_input(call, 3);
    return call->weights && weight->constant && weight->data && weight->bytes > 0 && (!scale || scale->constant);
}

void window_packing_key(const struct window *window, bool transposed, const struct tensor *scale, int64_t phase,
                        struct packing *packing) {
    packing->numbers[0] = window->group;
    packing->numbers[1] = transposed;
    for (int d = 0; d < SPATIAL; d++) {
        packing->numbers[2 + d] = window->axis[d].stride;
        packing->numbers[5 + d] = window->axis[d].dilation;
    }
    packing->numbers[8] = phase;
    packing->second = scale;
}
