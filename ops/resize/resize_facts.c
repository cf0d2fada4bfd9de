#include "ops/resize/resize_facts.h"

#include "ops/resize/resize_params.h"

#include <math.h>

/* The constant scales, of the last two dimensions at least; 0 where they are not known. */
struct known_scales {
    int count;
    double scale[MAX_RANK];
};

static struct known_scales scales_of(const struct op_call *call) {
    const struct resize_params *params = call->params;
    struct known_scales known = {params->scale_count, {0}};
    const struct tensor *scales = op_input(call, params->form == RESIZE_BY_INPUTS ? 2 : 1);
    for (int i = 0; i < params->scale_count; i++)
        known.scale[i] = (double)params->scales[i];
    if (params->scale_count || !scales || !scales->constant || !scales->data || scales->dtype != DTYPE_FLOAT ||
        scales->shape.rank != 1 || scales->shape.dims[0] > MAX_RANK)
        return known;
    known.count = (int)scales->shape.dims[0];
    for (int i = 0; i < known.count; i++)
        known.scale[i] = (double)((const float *)scales->data)[i];
    return known;
}

static bool is_noop(const struct op_call *call) {
    const struct resize_params *params = call->params;
    const struct known_scales known = scales_of(call);
    for (int i = 0; i < known.count; i++)
        if (known.scale[i] != 1)
            return false;
    return known.count > 0 && params->coordinates != RESIZE_CROP;
}

/* Scales down and across, of pictures in dimensions 2 and 3; false where they are not known, or other dimensions
 * change. */
static bool picture_scales(const struct op_call *call, double picture[2]) {
    const struct resize_params *params = call->params;
    const struct known_scales known = scales_of(call);
    picture[0] = picture[1] = 1;
    if (known.count == 0 || (params->axis_count && params->axis_count != known.count))
        return false;
    for (int i = 0; i < known.count; i++) {
        const int64_t axis = params->axis_count ? params->axes[i] : i;
        if (axis == 2 || axis == 3)
            picture[axis - 2] = known.scale[i];
        else if (axis == -1 || axis == -2)
            picture[axis + 2] = known.scale[i];
        else if (known.scale[i] != 1)
            return false;
    }
    return picture[0] > 0 && picture[1] > 0;
}

/* Coordinates that are the same wherever the picture is cut. */
static bool is_local(const struct resize_params *params) {
    return params->coordinates != RESIZE_ALIGN_CORNERS && params->coordinates != RESIZE_CROP;
}

static double middle_of(const struct resize_params *params, double step) {
    const double moved = (step - 1) / 2;
    return params->coordinates == RESIZE_ASYMMETRIC             ? 0
           : params->coordinates == RESIZE_TF_HALF_PIXEL_FOR_NN ? step / 2
                                                                : moved;
}

static void reach(const struct op_call *call, const bool *sees, struct op_reach *answer) {
    const struct resize_params *params = call->params;
    double scales[2];
    (void)sees;
    *answer = (struct op_reach){.view = VIEW_UNKNOWN};
    if (!is_local(params) || !picture_scales(call, scales))
        return;
    const double steps[2] = {1 / scales[0], 1 / scales[1]};
    const double middles[2] = {middle_of(params, steps[0]), middle_of(params, steps[1])};
    const double stretch = params->antialias ? fmax(1, fmax(steps[0], steps[1])) : 1;
    *answer = (struct op_reach){.view = VIEW_WINDOW,
                                .radius = (params->mode == RESIZE_CUBIC ? 2 : 1) * stretch +
                                          fabs(middles[0] - middles[1]) / 2,
                                .step = steps[0],
                                .last_step = steps[1],
                                .shift = (middles[0] + middles[1]) / 2};
}

/* The channels stay: their scale is 1, or their size is the one there is. Sizes that are not known yet are looked at
 * when they are. */
static bool keeps_channels(const struct op_call *call, int64_t channels) {
    const struct resize_params *params = call->params;
    const struct known_scales known = scales_of(call);
    int64_t count = 0;
    const int64_t *sizes = params->form == RESIZE_BY_INPUTS ? op_constant_ints(call, 3, &count) : NULL;
    for (int i = 0; i < params->axis_count; i++)
        if (params->axes[i] < -2 || params->axes[i] == 0 || params->axes[i] == 1)
            return false;
    if (params->axis_count)
        return true;
    if (known.count)
        return known.count == 4 && known.scale[0] == 1 && known.scale[1] == 1;
    if (sizes)
        return count == 4 && sizes[1] == channels && params->policy == RESIZE_STRETCH;
    return params->form == RESIZE_BY_INPUTS && params->policy == RESIZE_STRETCH;
}

static bool blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    const struct resize_params *params = call->params;
    const enum resize_form form = params->whole ? RESIZE_BY_INPUTS_WHOLE : params->form;
    *blocking = (struct op_blocking){
        .op_type = "BlockedResize",
        .in = channels[0],
        .out = channels[0],
        .attributes = {{.name = RESIZE_CHANNELS, .type = ATTRIBUTE_INT, .count = 1, .i = channels[0]},
                       {.name = RESIZE_FORM, .type = ATTRIBUTE_INT, .count = 1, .i = form}},
        .attribute_count = 2};
    return channels[0] > 0 && isfinite(params->extrapolation) && isfinite(params->cubic) &&
           params->coordinates != RESIZE_CROP && keeps_channels(call, channels[0]);
}

const struct op_facts resize_facts = {.is_noop = is_noop, .reach = reach, .blocks = blocks};
const struct op_facts resize_blocked_facts = {.shown = "Resize"};
