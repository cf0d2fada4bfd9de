#include "ops/resize/resize_params.h"

#include "ops/core/attributes.h"

#include <math.h>
#include <string.h>

/* "bilinear" and "trilinear" are names that old files use. */
static enum resize_mode read_mode(struct attributes *attributes) {
    static const char *const choices[] = {"nearest", "linear", "cubic", "bilinear", "trilinear", NULL};
    const int mode = attribute_choice(attributes, "mode", choices, RESIZE_NEAREST);
    return mode > RESIZE_CUBIC ? RESIZE_LINEAR : (enum resize_mode)mode;
}

static status read_axes(struct attributes *attributes, struct resize_params *params, struct error *err) {
    attribute_ints(attributes, "axes", params->axes, MAX_RANK, &params->axis_count);
    for (int i = 0; i < params->axis_count; i++)
        for (int k = 0; k < i; k++)
            if (params->axes[i] == params->axes[k])
                return fail(err, STATUS_INVALID_MODEL, "attribute \"axes\" names axis %lld twice",
                            (long long)params->axes[i]);
    return STATUS_OK;
}

/* Attributes since opset 11; those of 18 and 19 mean nothing before. */
static status read_newest(struct attributes *attributes, struct resize_params *params, struct error *err) {
    static const char *const coordinates[] = {
        "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
        "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize", NULL};
    static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil", NULL};
    static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
    params->coordinates = (enum resize_coordinates)attribute_choice(attributes, "coordinate_transformation_mode",
                                                                    coordinates, RESIZE_HALF_PIXEL);
    params->rounding =
        (enum resize_rounding)attribute_choice(attributes, "nearest_mode", roundings, RESIZE_PREFER_FLOOR);
    params->policy =
        (enum resize_policy)attribute_choice(attributes, "keep_aspect_ratio_policy", policies, RESIZE_STRETCH);
    params->antialias = attribute_int(attributes, "antialias", 0) != 0;
    params->exclude_outside = attribute_int(attributes, "exclude_outside", 0) != 0;
    params->extrapolation = attribute_float(attributes, "extrapolation_value", 0);
    params->cubic = attribute_float(attributes, "cubic_coeff_a", -0.75f);
    if (params->antialias && params->mode == RESIZE_NEAREST)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"antialias\" is set, and \"mode\" is \"nearest\"");
    return read_axes(attributes, params, err);
}

static status read_scales(struct attributes *attributes, struct resize_params *params, struct error *err) {
    size_t count;
    const float *scales = attribute_floats(attributes, "scales", &count);
    if (count == 0 || count > MAX_RANK)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"scales\" has %zu numbers, expected one for each dimension",
                    count);
    params->scale_count = (int)count;
    memcpy(params->scales, scales, count * sizeof *scales);
    return STATUS_OK;
}

static status read_sides(struct attributes *attributes, struct resize_params *params, struct error *err) {
    if (!attribute_has(attributes, "height_scale") || !attribute_has(attributes, "width_scale"))
        return fail(err, STATUS_INVALID_MODEL, "attributes \"height_scale\" and \"width_scale\" are expected");
    params->scale_count = 4;
    params->scales[0] = params->scales[1] = 1;
    params->scales[2] = attribute_float(attributes, "height_scale", 1);
    params->scales[3] = attribute_float(attributes, "width_scale", 1);
    return STATUS_OK;
}

status resize_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct resize_params *params = result;
    const enum resize_form *form = call->op->row;
    params->form = form ? *form : (enum resize_form)attribute_int(attributes, RESIZE_FORM, RESIZE_BY_INPUTS);
    params->whole = params->form == RESIZE_BY_INPUTS_WHOLE;
    if (params->whole)
        params->form = RESIZE_BY_INPUTS;
    params->channels = form ? 0 : attribute_int(attributes, RESIZE_CHANNELS, 0);
    params->mode = read_mode(attributes);
    if (params->form == RESIZE_BY_INPUTS)
        return read_newest(attributes, params, err);
    params->coordinates = RESIZE_ASYMMETRIC;
    params->rounding = RESIZE_SIMPLE;
    params->cubic = -0.75f;
    if (params->form == RESIZE_BY_SCALES)
        return STATUS_OK;
    return (params->form == RESIZE_BY_SIDES ? read_sides : read_scales)(attributes, params, err);
}
