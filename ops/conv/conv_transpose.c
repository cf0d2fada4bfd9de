#include "ops/conv/conv_transpose.h"

#include "ops/conv/conv_engine.h"
#include "ops/conv/conv_facts.h"

static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    return window_parse(call, attributes, true, params, err);
}

/*
 * The specification's two ways round: pads give the output size,
 *   out = stride * (in - 1) + output_padding + dilation * (kernel - 1) + 1 - pad_begin - pad_end,
 * or the output size (output_shape, or in * stride with SAME_*) gives the total padding, of which SAME_UPPER puts the
 * smaller half at the beginning and everything else the larger one. An output larger than the whole has no padding to
 * share out: like output_padding, it adds rows at the end.
 */
static status resolve_axis(const struct window_params *params, int i, int spatial, struct window_axis *axis,
                           struct error *err) {
    const bool same = params->auto_pad == PAD_SAME_UPPER || params->auto_pad == PAD_SAME_LOWER;
    const int64_t full = axis->stride * (axis->in - 1) + axis->output_padding + axis->dilation * (axis->kernel - 1) + 1;
    if (params->output_shape_count || same) {
        axis->out = params->output_shape_count ? params->output_shape[i] : axis->in * axis->stride;
        const int64_t total = full > axis->out ? full - axis->out : 0;
        axis->pad_begin = params->auto_pad == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        return STATUS_OK;
    }
    const bool explicit_pads = params->auto_pad == PAD_NOTSET && params->pad_count;
    const int64_t pad_end = explicit_pads ? params->pads[spatial + i] : 0;
    axis->pad_begin = explicit_pads ? params->pads[i] : 0;
    axis->out = full - axis->pad_begin - pad_end;
    if (axis->out < 0 || (axis->out == 0 && axis->in > 0))
        return fail(err, STATUS_SHAPE,
                    "spatial dimension %d of the output would be %lld: %lld before padding, %lld + %lld padded", i,
                    (long long)axis->out, (long long)full, (long long)axis->pad_begin, (long long)pad_end);
    return STATUS_OK;
}

static status check_output_padding(const struct window_axis *axis, int i, struct error *err) {
    const int64_t limit = axis->stride > axis->dilation ? axis->stride : axis->dilation;
    if (axis->output_padding < limit)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL,
                "attribute \"output_padding\"[%d] is %lld, expected less than the stride %lld or the dilation %lld", i,
                (long long)axis->output_padding, (long long)axis->stride, (long long)axis->dilation);
}

status conv_transpose_resolve(const struct op_call *call, struct window *window, struct error *err) {
    const struct window_params *params = call->params;
    status code = window_begin(call, params, true, window, err);
    for (int i = 0; code == STATUS_OK && i < window->spatial; i++) {
        struct window_axis *axis = &window->axis[SPATIAL - window->spatial + i];
        code = check_output_padding(axis, i, err);
        if (code == STATUS_OK)
            code = resolve_axis(params, i, window->spatial, axis, err);
    }
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    struct window window;
    const status code = conv_transpose_resolve(call, &window, err);
    return code == STATUS_OK ? window_describe(call, &window, err) : code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct window_params *params = call->params;
    struct window window;
    const status code = conv_transpose_resolve(call, &window, err);
    return code == STATUS_OK ? conv_prepare(call, &window, true, &params->activation, workspace_bytes, err) : code;
}

static double macs(const struct op_call *call) {
    struct window window;
    struct error err;
    return conv_transpose_resolve(call, &window, &err) == STATUS_OK ? conv_macs(&window, true) : 0;
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

#define CONV_TRANSPOSE(domain_name, formal_inputs, facts_of)                                                          \
    {                                                                                                                 \
        .name = "ConvTranspose", .domain = domain_name, .since = 1, .inputs = formal_inputs, .outputs = outputs,      \
        .params_size = sizeof(struct window_params), .state_size = sizeof(struct conv_state), .parse = parse,         \
        .infer = infer, .prepare = prepare, .run = conv_run, .release = conv_release, .macs = macs, .facts = facts_of \
    }

const struct op ops_conv_transpose[] = {CONV_TRANSPOSE("", inputs, &conv_transpose_facts),
                                        CONV_TRANSPOSE(INTERNAL_DOMAIN, scaled_inputs, &conv_transpose_fused_facts),
                                        {0}};
