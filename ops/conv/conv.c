#include "ops/conv/conv.h"

static int64_t reach(const struct window_axis *axis) {
    return axis->dilation * (axis->kernel - 1) + 1;
}

/* Padding and output size of dimension i (ONNX Conv, attribute auto_pad). */
static status resolve_axis(const struct window_params *params, int i, int spatial, struct window_axis *axis,
                           struct error *err) {
    int64_t pad_end = 0;
    if (params->auto_pad == PAD_NOTSET && params->pad_count) {
        axis->pad_begin = params->pads[i];
        pad_end = params->pads[spatial + i];
    } else if (params->auto_pad == PAD_SAME_UPPER || params->auto_pad == PAD_SAME_LOWER) {
        const int64_t out = (axis->in + axis->stride - 1) / axis->stride;
        const int64_t needed = (out - 1) * axis->stride + reach(axis) - axis->in;
        const int64_t total = needed > 0 ? needed : 0;
        axis->pad_begin = params->auto_pad == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        pad_end = total - axis->pad_begin;
    }
    const int64_t slack = axis->in + axis->pad_begin + pad_end - reach(axis);
    if (slack < 0)
        return fail(err, STATUS_SHAPE,
                    "the kernel reaches over %lld inputs in spatial dimension %d, only %lld are there with padding",
                    (long long)reach(axis), i, (long long)(axis->in + axis->pad_begin + pad_end));
    axis->out = slack / axis->stride + 1;
    return STATUS_OK;
}

static status resolve(const struct op_call *call, struct window *window, struct error *err) {
    const struct window_params *params = call->params;
    status code = window_begin(call, params, false, window, err);
    for (int i = 0; code == STATUS_OK && i < window->spatial; i++)
        code = resolve_axis(params, i, window->spatial, &window->axis[SPATIAL - window->spatial + i], err);
    return code;
}

const struct conv_kind conv_kind = {false, resolve};

const struct op ops_conv[] = {CONV_OPERATOR("Conv", "", conv, &conv_kind, &conv_facts),
                              CONV_OPERATOR("Conv", INTERNAL_DOMAIN, conv_scaled, &conv_kind, &conv_fused_facts),
                              {0}};
