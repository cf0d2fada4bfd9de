#include "ops/resize/resize_axes.h"

#include <math.h>
#include <stdio.h>

struct shape resize_input_shape(const struct op_call *call) {
    const struct resize_params *params = call->params;
    struct shape shape = call->inputs[0]->shape;
    if (params->channels > 0 && shape.rank == 5) {
        shape.rank = 4;
        shape.dims[1] = params->channels;
    }
    return shape;
}

/* The axes that scales, sizes and roi speak of. */
struct named_axes {
    int count, axis[MAX_RANK];
};

static status name_axes(const struct resize_params *params, int rank, struct named_axes *named, struct error *err) {
    bool seen[MAX_RANK] = {false};
    named->count = params->axis_count ? params->axis_count : rank;
    for (int i = 0; i < named->count; i++) {
        char what[32];
        snprintf(what, sizeof what, "axes[%d]", i);
        const int64_t axis = params->axis_count ? params->axes[i] : i;
        if (op_axis(axis, rank, &named->axis[i], what, err) != STATUS_OK)
            return err->code;
        if (seen[named->axis[i]])
            return fail(err, STATUS_INVALID_MODEL, "axes[%d] names dimension %d a second time", i, named->axis[i]);
        seen[named->axis[i]] = true;
    }
    return STATUS_OK;
}

/* Input i as `expected` floats; an empty one is as one that is left out. *values: NULL then. */
static status read_floats(const struct op_call *call, int i, int64_t expected, const struct tensor **values,
                          struct error *err) {
    const struct tensor *tensor = op_input(call, i);
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    *values = NULL;
    if (!tensor || tensor_elements(tensor) == 0)
        return STATUS_OK;
    if (tensor->shape.rank != 1 || tensor->shape.dims[0] != expected)
        return fail(err, STATUS_SHAPE, "%s is %s, expected [%lld]", op_input_text(call, i, name),
                    shape_text(&tensor->shape, text), (long long)expected);
    if (op_unknown(call, i))
        return op_needs(call, i, err);
    *values = tensor;
    return STATUS_OK;
}

static double float_at(const struct tensor *tensor, int64_t i) {
    return tensor->dtype == DTYPE_DOUBLE ? ((const double *)tensor->data)[i] : (double)((const float *)tensor->data)[i];
}

static status scale_axis(struct resize_axis *axis, double scale, int i, struct error *err) {
    if (!(scale > 0) || !isfinite(scale))
        return fail(err, STATUS_INVALID_MODEL, "scales[%d] is %g, expected a number above 0", i, scale);
    const double length = scale * (double)axis->in;
    if (!(length < 9e18) || !((float)scale * (float)axis->in < 9e18f))
        return fail(err, STATUS_LIMIT, "scales[%d] is %g: %lld times that is too large", i, scale, (long long)axis->in);
    axis->scale = scale;
    axis->length = length;
    /* In single precision, as onnx infers shapes and onnxruntime: 7 / 12.0f of 12 is 7. */
    axis->out = (int64_t)floorf((float)scale * (float)axis->in);
    return STATUS_OK;
}

static status take_scales(const struct op_call *call, const struct named_axes *named, const struct tensor *scales,
                          struct resize_axis *axes, struct error *err) {
    const struct resize_params *params = call->params;
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < named->count; i++)
        code = scale_axis(&axes[named->axis[i]], scales ? float_at(scales, i) : (double)params->scales[i], i, err);
    return code;
}

/* One scale for all named axes, so that none becomes larger, or smaller, than its size. */
static void keep_aspect(const struct resize_params *params, const struct named_axes *named, struct resize_axis *axes) {
    double scale = axes[named->axis[0]].scale;
    for (int i = 1; i < named->count; i++) {
        const double other = axes[named->axis[i]].scale;
        scale = params->policy == RESIZE_NOT_LARGER ? fmin(scale, other) : fmax(scale, other);
    }
    for (int i = 0; i < named->count; i++) {
        struct resize_axis *axis = &axes[named->axis[i]];
        axis->scale = scale;
        axis->length = scale * (double)axis->in;
        axis->out = axis->length < 9e18 ? (int64_t)floor(axis->length + 0.5) : INT64_MAX;
    }
}

static status take_sizes(const struct op_call *call, const struct named_axes *named, struct resize_axis *axes,
                         struct error *err) {
    const struct resize_params *params = call->params;
    int64_t sizes[MAX_RANK];
    int count;
    const status code = op_input_ints(call, 3, sizes, MAX_RANK, &count, err);
    if (code != STATUS_OK)
        return code;
    if (count != named->count)
        return fail(err, STATUS_SHAPE, "input 3 (sizes) has %d numbers, expected %d", count, named->count);
    for (int i = 0; i < count; i++) {
        struct resize_axis *axis = &axes[named->axis[i]];
        if (sizes[i] < 0 || (axis->in == 0 && sizes[i] > 0))
            return fail(err, STATUS_INVALID_MODEL, "sizes[%d] is %lld for dimension %d, which is %lld", i,
                        (long long)sizes[i], named->axis[i], (long long)axis->in);
        axis->out = sizes[i];
        axis->length = (double)sizes[i];
        axis->scale = axis->in ? (double)sizes[i] / (double)axis->in : 1;
    }
    if (params->policy != RESIZE_STRETCH && count > 0)
        keep_aspect(params, named, axes);
    return STATUS_OK;
}

static status take_roi(const struct op_call *call, const struct named_axes *named, struct resize_axis *axes,
                       struct error *err) {
    const struct tensor *roi;
    const status code = read_floats(call, 1, 2 * (int64_t)named->count, &roi, err);
    if (code != STATUS_OK)
        return code;
    if (!roi)
        return fail(err, STATUS_INVALID_MODEL, "input 1 (roi) is missing, \"tf_crop_and_resize\" needs it");
    for (int i = 0; i < named->count; i++) {
        axes[named->axis[i]].start = float_at(roi, i);
        axes[named->axis[i]].end = float_at(roi, named->count + i);
    }
    return STATUS_OK;
}

/* Scales, or else sizes. */
static status take_lengths(const struct op_call *call, const struct named_axes *named, struct resize_axis *axes,
                           struct error *err) {
    const struct resize_params *params = call->params;
    const struct tensor *scales = NULL;
    if (params->scale_count) {
        if (params->scale_count != named->count)
            return fail(err, STATUS_SHAPE, "attribute \"scales\" has %d numbers, expected %d", params->scale_count,
                        named->count);
        return take_scales(call, named, NULL, axes, err);
    }
    const bool newest = params->form == RESIZE_BY_INPUTS;
    const status code = read_floats(call, newest ? 2 : 1, named->count, &scales, err);
    if (code != STATUS_OK)
        return code;
    const bool sizes = newest && op_input(call, 3) && tensor_elements(op_input(call, 3)) > 0;
    if (scales && sizes)
        return fail(err, STATUS_INVALID_MODEL, "inputs 2 (scales) and 3 (sizes) are both there, expected one of them");
    if (scales)
        return take_scales(call, named, scales, axes, err);
    if (sizes)
        return take_sizes(call, named, axes, err);
    if (named->count == 0)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL,
                newest ? "inputs 2 (scales) and 3 (sizes) are both missing" : "input 1 (scales) is missing");
}

status resize_axes(const struct op_call *call, struct resize_axis axes[MAX_RANK], struct error *err) {
    const struct resize_params *params = call->params;
    const struct shape shape = resize_input_shape(call);
    struct named_axes named;
    for (int d = 0; d < shape.rank; d++)
        axes[d] = (struct resize_axis){shape.dims[d], shape.dims[d], 1, (double)shape.dims[d], 0, 1, false};
    status code = name_axes(params, shape.rank, &named, err);
    if (code == STATUS_OK)
        code = take_lengths(call, &named, axes, err);
    if (code == STATUS_OK && params->coordinates == RESIZE_CROP)
        code = take_roi(call, &named, axes, err);
    for (int d = 0; code == STATUS_OK && d < shape.rank; d++) {
        struct resize_axis *axis = &axes[d];
        if (params->whole)
            axis->length = (double)axis->out;
        axis->changes = axis->in != axis->out || axis->scale != 1 || axis->start != 0 || axis->end != 1;
        if (axis->changes && (axis->in > INT32_MAX || axis->out > INT32_MAX))
            code = fail(err, STATUS_LIMIT, "dimension %d is resized from %lld to %lld, at most %d is possible", d,
                        (long long)axis->in, (long long)axis->out, INT32_MAX);
    }
    return code;
}
