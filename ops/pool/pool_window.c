#include "ops/pool/pool_window.h"

#include "base/sizes.h"
#include "ops/core/attributes.h"

#include <math.h>

status pool_power_parse(const struct op_call *call, struct attributes *attributes, double *power, struct error *err) {
    const struct pool_row *row = call->op->row;
    *power = row->float_power ? (double)attribute_float(attributes, "p", 2) : (double)attribute_int(attributes, "p", 2);
    return *power > 0 && isfinite(*power)
               ? STATUS_OK
               : fail(err, STATUS_INVALID_MODEL, "attribute \"p\" is %g, expected a number above 0", *power);
}

status pool_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    const struct pool_row *row = call->op->row;
    struct pool_params *params = result;
    const status code = window_parse_lists(attributes, &params->window, err);
    params->ceil = attribute_int(attributes, "ceil_mode", 0) != 0;
    if (row->norm == POOL_LARGEST)
        params->column_major = attribute_int(attributes, "storage_order", 0) != 0;
    if (row->norm == POOL_AVERAGE)
        params->include_pad = attribute_int(attributes, "count_include_pad", 0) != 0;
    if (code != STATUS_OK)
        return code;
    if (params->window.kernel_count == 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"kernel_shape\" is missing");
    return row->norm == POOL_LP ? pool_power_parse(call, attributes, &params->power, err) : STATUS_OK;
}

static int64_t reach(const struct pool_axis *axis) {
    return axis->dilation * (axis->kernel - 1) + 1;
}

/* Padding of dimension i (attribute auto_pad). */
static void resolve_pads(const struct window_params *params, int i, int spatial, struct pool_axis *axis) {
    if (params->auto_pad == PAD_NOTSET && params->pad_count) {
        axis->pad_begin = params->pads[i];
        axis->pad_end = params->pads[spatial + i];
    } else if (params->auto_pad == PAD_SAME_UPPER || params->auto_pad == PAD_SAME_LOWER) {
        const int64_t out = (axis->in + axis->stride - 1) / axis->stride;
        const int64_t needed = (out - 1) * axis->stride + reach(axis) - axis->in;
        const int64_t total = needed > 0 ? needed : 0;
        axis->pad_begin = params->auto_pad == PAD_SAME_UPPER ? total / 2 : total - total / 2;
        axis->pad_end = total - axis->pad_begin;
    }
}

/* slack: how far the first window may move. Rounded up, the last window may reach too far; one that would begin behind
 * the inputs and the pads before them is left out. The only window may reach too far, too, by less than a stride. */
static int64_t out_of(const struct pool_axis *axis, int64_t slack, bool ceil) {
    const int64_t out = (ceil && slack > 0 ? divide_up(slack, axis->stride) : slack / axis->stride) + 1;
    return ceil && (out - 1) * axis->stride >= axis->in + axis->pad_begin ? out - 1 : out;
}

static status resolve_axis(const struct pool_params *params, int i, int spatial, struct pool_axis *axis,
                           struct error *err) {
    resolve_pads(&params->window, i, spatial, axis);
    const int64_t there = axis->in + axis->pad_begin + axis->pad_end, slack = there - reach(axis);
    const bool ceil = params->ceil && params->window.auto_pad == PAD_NOTSET;
    if (slack <= -axis->stride)
        return fail(err, STATUS_SHAPE,
                    "the kernel reaches over %lld inputs in spatial dimension %d, only %lld are there with padding",
                    (long long)reach(axis), i, (long long)there);
    if (axis->pad_begin >= reach(axis) || axis->pad_end >= reach(axis))
        return fail(err, STATUS_SHAPE, "pads of %lld and %lld in spatial dimension %d, the kernel reaches over %lld",
                    (long long)axis->pad_begin, (long long)axis->pad_end, i, (long long)reach(axis));
    axis->out = axis->in == 0 ? 0 : out_of(axis, slack, ceil);
    return STATUS_OK;
}

/* The first spatial dimension of input 0; outer and inner of the window. */
static status read_layout(const struct op_call *call, struct pool_window *window, int *first, struct error *err) {
    const struct pool_row *row = call->op->row;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    const int extra = row->layout == POOL_BLOCKED ? 3 : 2;
    if (x->rank < extra + 1 || x->rank > extra + SPATIAL)
        return fail(err, x->rank < extra + 1 ? STATUS_SHAPE : STATUS_UNSUPPORTED,
                    "input 0 (X) is %s, expected [N,C,...] with 1 to 3 spatial dimensions", shape_text(x, text));
    if (row->layout == POOL_BLOCKED && (x->rank != 5 || x->dims[4] != CHANNEL_BLOCK))
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected channel blocks", shape_text(x, text));
    for (int d = 0; d < x->rank; d++)
        if (x->dims[d] > WINDOW_LIMIT)
            return fail(err, STATUS_LIMIT, "dimension %d of %s is above %lld", d, shape_text(x, text),
                        (long long)WINDOW_LIMIT);
    window->spatial = x->rank - extra;
    *first = row->layout == POOL_CHANNELS_LAST ? 1 : 2;
    window->outer = x->dims[0] * (*first == 2 ? x->dims[1] : 1);
    window->inner = row->layout == POOL_PLAIN ? 1 : x->dims[x->rank - 1];
    return STATUS_OK;
}

status pool_resolve(const struct op_call *call, struct pool_window *window, struct error *err) {
    const struct pool_params *params = call->params;
    const struct window_params *lists = &params->window;
    int first = 2;
    *window = (struct pool_window){.outer = 0};
    status code = read_layout(call, window, &first, err);
    if (code == STATUS_OK)
        code = window_check_lists(lists, window->spatial, err);
    const int missing = SPATIAL - window->spatial;
    for (int d = 0; code == STATUS_OK && d < missing; d++)
        window->axis[d] = (struct pool_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    for (int i = 0; code == STATUS_OK && i < window->spatial; i++) {
        struct pool_axis *axis = &window->axis[missing + i];
        *axis = (struct pool_axis){.in = call->inputs[0]->shape.dims[first + i],
                                   .kernel = lists->kernel[i],
                                   .stride = lists->stride_count ? lists->strides[i] : 1,
                                   .dilation = lists->dilation_count ? lists->dilations[i] : 1};
        code = resolve_axis(params, i, window->spatial, axis, err);
    }
    return code;
}

struct shape pool_shape(const struct op_call *call, const struct pool_window *window) {
    const struct pool_row *row = call->op->row;
    struct shape shape = call->inputs[0]->shape;
    const int first = row->layout == POOL_CHANNELS_LAST ? 1 : 2;
    for (int i = 0; i < window->spatial; i++)
        shape.dims[first + i] = window->axis[SPATIAL - window->spatial + i].out;
    return shape;
}

/* Most windows have no dilation, and divisions are slow. */
static int64_t taps_within(const struct pool_axis *axis, int64_t room) {
    return axis->dilation == 1 ? room : divide_up(room, axis->dilation);
}

struct pool_taps pool_taps_of(const struct pool_axis *axis, int64_t o) {
    const int64_t start = o * axis->stride - axis->pad_begin, room = axis->in - start;
    return (struct pool_taps){start < 0 ? taps_within(axis, -start) : 0,
                              room > 0 ? at_most(axis->kernel, taps_within(axis, room)) : 0};
}

int64_t pool_count(const struct pool_axis *axis, int64_t o, bool include_pad) {
    const struct pool_taps taps = pool_taps_of(axis, o);
    const int64_t start = o * axis->stride - axis->pad_begin;
    const int64_t count = include_pad ? at_most(axis->kernel, taps_within(axis, axis->in + axis->pad_end - start))
                                      : taps.end - taps.first;
    return count > 0 ? count : 0;
}
