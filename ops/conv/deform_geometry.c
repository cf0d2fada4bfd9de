#include "ops/conv/deform_geometry.h"

#include "base/checked.h"

static status resolve_axis(const struct window_params *params, int i, struct deform_axis *axis, struct error *err) {
    axis->stride = params->stride_count ? params->strides[i] : 1;
    axis->dilation = params->dilation_count ? params->dilations[i] : 1;
    axis->pad = params->pad_count ? params->pads[i] : 0;
    if (axis->kernel < 1 || (params->kernel_count && params->kernel[i] != axis->kernel))
        return fail(err, STATUS_SHAPE, "attribute \"kernel_shape\"[%d] is %lld, input 1 (W) has %lld there", i,
                    (long long)(params->kernel_count ? params->kernel[i] : 1), (long long)axis->kernel);
    const int64_t there = axis->in + axis->pad + (params->pad_count ? params->pads[2 + i] : 0);
    const int64_t slack = there - axis->dilation * (axis->kernel - 1) - 1;
    if (slack < 0)
        return fail(err, STATUS_SHAPE, "the kernel reaches over more than the %lld inputs of spatial dimension %d",
                    (long long)there, i);
    axis->out = slack / axis->stride + 1;
    return STATUS_OK;
}

static status check_input(const struct op_call *call, int i, const struct shape *expected, struct error *err) {
    const struct tensor *tensor = op_input(call, i);
    char name[ARG_TEXT_BYTES], a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (!tensor || shape_equal(&tensor->shape, expected))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected %s", op_input_text(call, i, name), shape_text(&tensor->shape, a),
                shape_text(expected, b));
}

static status check_channels(const struct op_call *call, const struct deform *d, struct error *err) {
    const struct shape *w = &call->inputs[1]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (w->dims[1] > WINDOW_LIMIT || d->group > WINDOW_LIMIT || w->dims[1] * d->group != d->in ||
        d->out % d->group != 0)
        return fail(err, STATUS_SHAPE, "input 1 (W) is %s, which does not fit %lld channels in %lld groups",
                    shape_text(w, text), (long long)d->in, (long long)d->group);
    if (d->in % d->offset_groups != 0)
        return fail(err, STATUS_SHAPE, "%lld channels do not divide into %lld offset groups", (long long)d->in,
                    (long long)d->offset_groups);
    return STATUS_OK;
}

status deform_resolve(const struct op_call *call, struct deform *d, struct error *err) {
    const struct deform_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape, *w = &call->inputs[1]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank != 4 || w->rank != 4)
        return fail(err, x->rank == 4 ? STATUS_SHAPE : STATUS_UNSUPPORTED,
                    "inputs 0 (X) and 1 (W) are %s and %s, expected rank 4", shape_text(x, a), shape_text(w, b));
    for (int i = 0; i < 4; i++)
        if (x->dims[i] > WINDOW_LIMIT || w->dims[i] > WINDOW_LIMIT)
            return fail(err, STATUS_LIMIT, "dimension %d of %s or %s is above %lld", i, shape_text(x, a),
                        shape_text(w, b), (long long)WINDOW_LIMIT);
    if (x->dims[3] > 0 && x->dims[2] > INT32_MAX / x->dims[3])
        return fail(err, STATUS_LIMIT, "a picture of %s has more than %d elements", shape_text(x, a), INT32_MAX);
    *d = (struct deform){x->dims[0], x->dims[1], w->dims[0], params->window.group, params->offset_groups, {{0}}};
    status code = window_check_lists(&params->window, 2, err);
    if (code == STATUS_OK)
        code = check_channels(call, d, err);
    for (int i = 0; code == STATUS_OK && i < 2; i++) {
        d->axis[i] = (struct deform_axis){.in = x->dims[2 + i], .kernel = w->dims[2 + i]};
        code = resolve_axis(&params->window, i, &d->axis[i], err);
    }
    const int64_t taps = d->axis[0].kernel * d->axis[1].kernel;
    struct shape offset = {4, {d->batch, 0, d->axis[0].out, d->axis[1].out}}, mask = offset;
    if (code == STATUS_OK && !int64_mul(2 * d->offset_groups, taps, &offset.dims[1]))
        code = fail(err, STATUS_LIMIT, "%lld offset groups are too many", (long long)d->offset_groups);
    mask.dims[1] = offset.dims[1] / 2;
    if (code == STATUS_OK)
        code = check_input(call, 2, &offset, err);
    if (code == STATUS_OK)
        code = check_input(call, 3, &(struct shape){1, {d->out}}, err);
    return code == STATUS_OK ? check_input(call, 4, &mask, err) : code;
}
