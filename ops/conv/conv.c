#include "ops/conv/conv.h"

#include "ops/conv/conv_engine.h"
#include "ops/conv/conv_facts.h"

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    return window_parse(call, attributes, false, params, err);
}

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

status conv_resolve(const struct op_call *call, struct window *window, struct error *err) {
    const struct window_params *params = call->params;
    status code = window_begin(call, params, false, window, err);
    for (int i = 0; code == STATUS_OK && i < window->spatial; i++)
        code = resolve_axis(params, i, window->spatial, &window->axis[SPATIAL - window->spatial + i], err);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    struct window window;
    const status code = conv_resolve(call, &window, err);
    return code == STATUS_OK ? window_describe(call, &window, err) : code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct window_params *params = call->params;
    struct window window;
    const status code = conv_resolve(call, &window, err);
    return code == STATUS_OK ? conv_prepare(call, &window, false, &params->activation, workspace_bytes, err) : code;
}

static double macs(const struct op_call *call) {
    struct window window;
    struct error err;
    return conv_resolve(call, &window, &err) == STATUS_OK ? conv_macs(&window, false) : 0;
}

static const struct op_arg inputs[] = {{"X", TYPES_FLOAT, ARG_T},
                                       {"W", TYPES_FLOAT, ARG_T | ARG_PACKED},
                                       {"B", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {NULL, 0, 0}};
/* The passes' own: W[m] is multiplied by scale[m] for output channel m (a folded BatchNormalization). */
static const struct op_arg scaled_inputs[] = {{"X", TYPES_FLOAT, ARG_T},
                                              {"W", TYPES_FLOAT, ARG_T | ARG_PACKED},
                                              {"B", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                              {"scale", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                              {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};

#define CONV(domain_name, formal_inputs, facts_of)                                                                    \
    {                                                                                                                 \
        .name = "Conv", .domain = domain_name, .since = 1, .inputs = formal_inputs, .outputs = outputs,               \
        .params_size = sizeof(struct window_params), .state_size = sizeof(struct conv_state), .parse = parse,         \
        .infer = infer, .prepare = prepare, .run = conv_run, .release = conv_release, .macs = macs, .facts = facts_of \
    }

const struct op ops_conv[] = {
    CONV("", inputs, &conv_facts), CONV(INTERNAL_DOMAIN, scaled_inputs, &conv_fused_facts), {0}};
