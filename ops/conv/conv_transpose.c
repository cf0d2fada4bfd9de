#include "ops/conv/conv_transpose.h"

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

static status resolve(const struct op_call *call, struct window *window, struct error *err) {
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

const struct conv_kind conv_transpose_kind = {true, resolve};

const struct op ops_conv_transpose[] = {
    CONV_OPERATOR("ConvTranspose", "", conv, &conv_transpose_kind, &conv_transpose_facts),
    CONV_OPERATOR("ConvTranspose", INTERNAL_DOMAIN, conv_scaled, &conv_transpose_kind, &conv_transpose_fused_facts),
    {0}};
