/* Attributes and geometry that Conv and ConvTranspose share. */
#include "ops/conv/window.h"

#include "ops/core/attributes.h"
#include "ops/kernels/kernels.h"

#include <string.h>

static status check_range(const char *name, const int64_t *values, int count, int64_t least, struct error *err) {
    for (int i = 0; i < count; i++)
        if (values[i] < least || values[i] > WINDOW_LIMIT)
            return fail(err, values[i] < least ? STATUS_INVALID_MODEL : STATUS_LIMIT,
                        "attribute \"%s\"[%d] is %lld, expected %lld..%lld", name, i, (long long)values[i],
                        (long long)least, (long long)WINDOW_LIMIT);
    return STATUS_OK;
}

/* The activation that a pass put behind the node. */
status activation_parse(struct attributes *attributes, struct activation *activation, struct error *err) {
    const char *name = attribute_text(attributes, "activation", "");
    size_t count;
    const float *numbers = attribute_floats(attributes, "activation_params", &count);
    if (!*name)
        return STATUS_OK;
    const int kind = activation_kind(name);
    if (kind < 0 || count > 2)
        return fail(err, STATUS_UNSUPPORTED, "activation \"%.32s\" with %zu parameters cannot be fused", name, count);
    activation->kind = (enum activation_kind)kind;
    activation->alpha = count > 0 ? numbers[0] : 0;
    activation->beta = count > 1 ? numbers[1] : 0;
    return STATUS_OK;
}

status window_parse_lists(struct attributes *attributes, struct window_params *params, struct error *err) {
    static const char *const choices[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID", NULL};
    const char *auto_pad = attribute_text(attributes, "auto_pad", NULL);
    if (auto_pad && *auto_pad) /* some exporters write "" for nothing */
        params->auto_pad = (enum auto_pad)attribute_choice(attributes, "auto_pad", choices, PAD_NOTSET);
    attribute_ints(attributes, "kernel_shape", params->kernel, SPATIAL, &params->kernel_count);
    attribute_ints(attributes, "strides", params->strides, SPATIAL, &params->stride_count);
    attribute_ints(attributes, "dilations", params->dilations, SPATIAL, &params->dilation_count);
    attribute_ints(attributes, "pads", params->pads, 2 * SPATIAL, &params->pad_count);
    status code = check_range("kernel_shape", params->kernel, params->kernel_count, 1, err);
    if (code == STATUS_OK)
        code = check_range("strides", params->strides, params->stride_count, 1, err);
    if (code == STATUS_OK)
        code = check_range("dilations", params->dilations, params->dilation_count, 1, err);
    if (code == STATUS_OK)
        code = check_range("pads", params->pads, params->pad_count, 0, err);
    return code;
}

status window_parse(const struct op_call *call, struct attributes *attributes, bool transposed,
                    struct window_params *params, struct error *err) {
    params->group = attribute_int(attributes, "group", 1);
    if (transposed) {
        attribute_ints(attributes, "output_padding", params->output_padding, SPATIAL, &params->output_padding_count);
        attribute_ints(attributes, "output_shape", params->output_shape, SPATIAL, &params->output_shape_count);
    }
    status code = check_range("group", &params->group, 1, 1, err);
    if (code == STATUS_OK)
        code = window_parse_lists(attributes, params, err);
    if (code == STATUS_OK)
        code = check_range("output_padding", params->output_padding, params->output_padding_count, 0, err);
    if (code == STATUS_OK)
        code = check_range("output_shape", params->output_shape, params->output_shape_count, 0, err);
    if (code == STATUS_OK && strcmp(call->op->domain, INTERNAL_DOMAIN) == 0) {
        static const char *const borders[] = {"constant", "reflect", "edge", NULL};
        params->blocked_input = attribute_int(attributes, "blocked_input", 0) != 0;
        params->blocked_output = attribute_int(attributes, "blocked_output", 0) != 0;
        params->border = (enum border)attribute_choice(attributes, "border", borders, BORDER_ZERO);
        code = activation_parse(attributes, &params->activation, err);
    }
    return code;
}

static status check_list(const char *name, int count, int expected, struct error *err) {
    if (count == 0 || count == expected)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "attribute \"%s\" has %d numbers, expected %d", name, count, expected);
}

status window_check_lists(const struct window_params *params, int spatial, struct error *err) {
    status code = check_list("kernel_shape", params->kernel_count, spatial, err);
    if (code == STATUS_OK)
        code = check_list("strides", params->stride_count, spatial, err);
    if (code == STATUS_OK)
        code = check_list("dilations", params->dilation_count, spatial, err);
    if (code == STATUS_OK)
        code = check_list("pads", params->pad_count, 2 * spatial, err);
    if (code == STATUS_OK)
        code = check_list("output_padding", params->output_padding_count, spatial, err);
    if (code == STATUS_OK)
        code = check_list("output_shape", params->output_shape_count, spatial, err);
    return code;
}

/* Input 0 as [N,C,...]: of channel blocks the weights tell how many channels are true. */
static status input_shape(const struct op_call *call, const struct window_params *params, bool transposed,
                          struct shape *x, struct error *err) {
    char x_text[SHAPE_TEXT_BYTES], w_text[SHAPE_TEXT_BYTES];
    const struct shape *w = &call->inputs[1]->shape;
    *x = call->inputs[0]->shape;
    if (!params->blocked_input)
        return STATUS_OK;
    const int64_t channels = w->rank != 4 ? 0 : transposed ? w->dims[0] : w->dims[1] * params->group;
    if (x->rank != 5 || x->dims[4] != CHANNEL_BLOCK || x->dims[1] * CHANNEL_BLOCK < channels ||
        (x->dims[1] - 1) * CHANNEL_BLOCK >= channels)
        return fail(err, STATUS_SHAPE, "input 0 (X) %s in blocks of %d channels does not fit input 1 (W) %s",
                    shape_text(x, x_text), CHANNEL_BLOCK, shape_text(w, w_text));
    *x = (struct shape){4, {x->dims[0], channels, x->dims[2], x->dims[3]}};
    return STATUS_OK;
}

static status check_ranks(const struct op_call *call, const struct shape *x, struct error *err) {
    char x_text[SHAPE_TEXT_BYTES], w_text[SHAPE_TEXT_BYTES];
    const struct shape *w = &call->inputs[1]->shape;
    if (x->rank < 3 || x->rank > 2 + SPATIAL)
        return fail(err, x->rank < 3 ? STATUS_SHAPE : STATUS_UNSUPPORTED,
                    "input 0 (X) is %s, expected [N,C,...] with 1 to 3 spatial dimensions", shape_text(x, x_text));
    if (w->rank != x->rank)
        return fail(err, STATUS_SHAPE, "input 1 (W) is %s, expected rank %d as input 0 %s", shape_text(w, w_text),
                    x->rank, shape_text(x, x_text));
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] > WINDOW_LIMIT || w->dims[i] > WINDOW_LIMIT)
            return fail(err, STATUS_LIMIT, "dimension %d of %s or %s is above %lld", i, shape_text(x, x_text),
                        shape_text(w, w_text), (long long)WINDOW_LIMIT);
    return STATUS_OK;
}

static status check_channels(const struct op_call *call, const struct window_params *params, const struct shape *x,
                             bool transposed, struct window *window, struct error *err) {
    char x_text[SHAPE_TEXT_BYTES], w_text[SHAPE_TEXT_BYTES];
    const struct shape *w = &call->inputs[1]->shape;
    const int64_t channels = x->dims[1], group = params->group;
    const int64_t expected = transposed ? w->dims[0] : w->dims[1] * group;
    shape_text(x, x_text);
    shape_text(w, w_text);
    if (channels != expected)
        return fail(err, STATUS_SHAPE, "input 1 (W) %s has %lld input channels, expected %lld from input 0 %s", w_text,
                    (long long)expected, (long long)channels, x_text);
    if ((transposed ? channels : w->dims[0]) % group != 0)
        return fail(err, STATUS_SHAPE, "input 1 (W) %s does not divide into %lld groups", w_text, (long long)group);
    window->in_channels = channels / group;
    window->out_channels = transposed ? w->dims[1] : w->dims[0] / group;
    const int64_t outputs = window->out_channels * group;
    for (int i = 2; i < call->input_count; i++) { /* B, and a fused node's scale */
        const struct tensor *list = op_input(call, i);
        char name[ARG_TEXT_BYTES];
        if (list && (list->shape.rank != 1 || list->shape.dims[0] != outputs))
            return fail(err, STATUS_SHAPE, "%s is %s, expected [%lld]", op_input_text(call, i, name),
                        shape_text(&list->shape, x_text), (long long)outputs);
    }
    return STATUS_OK;
}

static status fill_axes(const struct op_call *call, const struct window_params *params, const struct shape *x,
                        struct window *window, struct error *err) {
    const struct shape *w = &call->inputs[1]->shape;
    const int missing = SPATIAL - window->spatial;
    for (int d = 0; d < missing; d++)
        window->axis[d] = (struct window_axis){.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    for (int i = 0; i < window->spatial; i++) {
        struct window_axis *axis = &window->axis[missing + i];
        *axis = (struct window_axis){.in = x->dims[2 + i],
                                     .kernel = w->dims[2 + i],
                                     .stride = params->stride_count ? params->strides[i] : 1,
                                     .dilation = params->dilation_count ? params->dilations[i] : 1,
                                     .output_padding = params->output_padding[i]};
        if (axis->kernel < 1 || (params->kernel_count && params->kernel[i] != axis->kernel))
            return fail(err, STATUS_SHAPE, "attribute \"kernel_shape\"[%d] is %lld, input 1 (W) has %lld there", i,
                        (long long)(params->kernel_count ? params->kernel[i] : 1), (long long)axis->kernel);
    }
    return STATUS_OK;
}

status window_begin(const struct op_call *call, const struct window_params *params, bool transposed,
                    struct window *window, struct error *err) {
    struct shape x;
    *window = (struct window){.group = params->group, .border = params->border};
    status code = input_shape(call, params, transposed, &x, err);
    if (code == STATUS_OK)
        code = check_ranks(call, &x, err);
    if (code != STATUS_OK)
        return code;
    window->batch = x.dims[0];
    window->spatial = x.rank - 2;
    code = window_check_lists(params, window->spatial, err);
    if (code == STATUS_OK)
        code = check_channels(call, params, &x, transposed, window, err);
    return code == STATUS_OK ? fill_axes(call, params, &x, window, err) : code;
}

status window_describe(struct op_call *call, const struct window *window, enum dtype dtype, struct error *err) {
    const struct window_params *params = call->params;
    const int64_t channels = window->out_channels * window->group;
    const struct window_axis *axis = &window->axis[SPATIAL - window->spatial];
    struct shape shape = {.rank = 2 + window->spatial, .dims = {window->batch, channels}};
    for (int i = 0; i < window->spatial; i++)
        shape.dims[2 + i] = axis[i].out;
    if (params->blocked_output)
        shape = (struct shape){
            5,
            {window->batch, (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK, axis[0].out, axis[1].out, CHANNEL_BLOCK}};
    return tensor_describe(call->outputs[0], dtype, &shape, err);
}
