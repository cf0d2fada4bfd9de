/* CenterCropPad (ONNX 18), and Crop of ONNX's experimental operators (1, as onnxruntime runs it to opset 9). */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

#include <string.h>

struct crop_params {
    int axis_count;
    int64_t axes[MAX_RANK];
    int border_count, scale_count;
    int64_t border[4], scale[2]; /* left, top, right, bottom; height, width */
};

/* Along one dimension: `count` elements from `from` on come to `to`. */
struct crop_axis {
    int64_t size, from, to, count;
};

static status parse_center(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct crop_params *params = result;
    (void)call, (void)err;
    attribute_ints(attributes, "axes", params->axes, MAX_RANK, &params->axis_count);
    return STATUS_OK;
}

static status parse_crop(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct crop_params *params = result;
    (void)call;
    attribute_ints(attributes, "border", params->border, 4, &params->border_count);
    attribute_ints(attributes, "scale", params->scale, 2, &params->scale_count);
    if (params->border_count != 4)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"border\" has %d numbers, expected 4", params->border_count);
    if (params->scale_count != 0 && params->scale_count != 2)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"scale\" has %d numbers, expected 2", params->scale_count);
    return STATUS_OK;
}

static status center_axes(const struct op_call *call, struct crop_axis *axes, struct error *err) {
    const struct crop_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    int64_t sizes[MAX_RANK], named[MAX_RANK];
    int count, places[MAX_RANK];
    status code = op_input_ints(call, 1, sizes, MAX_RANK, &count, err);
    const int expected = params->axis_count ? params->axis_count : x->rank;
    if (code == STATUS_OK && count != expected)
        code = fail(err, STATUS_SHAPE, "input 1 (shape) has %d numbers, expected %d", count, expected);
    for (int i = 0; i < expected; i++)
        named[i] = params->axis_count ? params->axes[i] : i;
    if (code == STATUS_OK)
        code = movement_axes(named, expected, x->rank, places, err);
    for (int i = 0; code == STATUS_OK && i < expected; i++) {
        const int64_t dim = x->dims[places[i]], size = sizes[i];
        if (size < 0)
            return fail(err, STATUS_INVALID_MODEL, "shape[%d] is %lld", i, (long long)size);
        axes[places[i]] = size < dim ? (struct crop_axis){size, (dim - size) / 2, 0, size}
                                     : (struct crop_axis){size, 0, (size - dim) / 2, dim};
    }
    return code;
}

static status crop_axes(const struct op_call *call, struct crop_axis *axes, struct error *err) {
    const struct crop_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    if (x->rank != 4)
        return fail(err, STATUS_SHAPE, "input 0 (input) is %s, expected [N,C,H,W]", shape_text(x, text));
    for (int i = 0; i < 2; i++) {
        const int64_t dim = x->dims[2 + i], begin = params->border[1 - i], end = params->border[3 - i];
        const bool scaled = params->scale_count > 0;
        if (begin < 0 || begin > dim || (!scaled && (end < 0 || end > dim - begin)) ||
            (scaled && (params->scale[i] < 0 || params->scale[i] > dim - begin)))
            return fail(err, STATUS_SHAPE, "the border does not leave %s of dimension %d of input 0 (input) %s",
                        scaled ? "what \"scale\" asks for" : "anything", 2 + i, shape_text(x, text));
        const int64_t size = scaled ? params->scale[i] : dim - begin - end;
        axes[2 + i] = (struct crop_axis){size, begin, 0, size};
    }
    return STATUS_OK;
}

/* op->row of Crop. */
static const char crop_row = 0;

static status find_axes(const struct op_call *call, struct crop_axis axes[MAX_RANK], struct error *err) {
    for (int d = 0; d < call->inputs[0]->shape.rank; d++)
        axes[d] = (struct crop_axis){call->inputs[0]->shape.dims[d], 0, 0, call->inputs[0]->shape.dims[d]};
    return call->op->row == &crop_row ? crop_axes(call, axes, err) : center_axes(call, axes, err);
}

static status infer(struct op_call *call, struct error *err) {
    struct crop_axis axes[MAX_RANK];
    const status code = find_axes(call, axes, err);
    struct shape shape = {.rank = call->inputs[0]->shape.rank};
    for (int d = 0; code == STATUS_OK && d < shape.rank; d++)
        shape.dims[d] = axes[d].size;
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err) : code;
}

static void clear(const struct tensor *y) {
    struct text *texts = y->data;
    memset(y->data, 0, y->bytes);
    for (int64_t i = 0; y->dtype == DTYPE_STRING && i < tensor_elements(y); i++)
        texts[i] = (struct text){"", 0};
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    struct crop_axis axes[MAX_RANK];
    int64_t from[MAX_RANK], to[MAX_RANK], start = 0, place = 0;
    const status code = find_axes(call, axes, err);
    bool filled = true, empty = false;
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    struct strided box = {.element = dtype_size(x->dtype)};
    strided_dense(&x->shape, box.element, from);
    strided_dense(&y->shape, box.element, to);
    for (int d = 0; d < x->shape.rank; d++) {
        strided_add(&box, axes[d].count, to[d], from[d]);
        start += from[d] * axes[d].from;
        place += to[d] * axes[d].to;
        filled &= axes[d].count == axes[d].size;
        empty |= axes[d].count == 0;
    }
    if (!filled)
        clear(y);
    if (!empty)
        strided_copy(&box, (char *)y->data + place, (const char *)x->data + start, call->threads);
    return STATUS_OK;
}

static void crop_reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    const struct crop_params *params = call->params;
    const int64_t axes[] = {2, 3}, offsets[] = {params->border[1], params->border[0]};
    (void)sees;
    op_reach_beside(axes, offsets, 2, reach);
}

static const struct op_facts center_facts = {.reach = op_reach_unknown}, crop_facts = {.reach = crop_reach};

static const struct op_arg center_inputs[] = {{"input_data", TYPES_WHOLE, ARG_T}, {"shape", TYPES_INDEX, ARG_T1}, {0}};
static const struct op_arg crop_inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output_data", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_center_crop[] = {{.name = "CenterCropPad",
                                      .domain = "",
                                      .since = 18,
                                      .inputs = center_inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct crop_params),
                                      .parse = parse_center,
                                      .infer = infer,
                                      .run = run,
                                      .facts = &center_facts},
                                     {.name = "Crop",
                                      .domain = "",
                                      .since = 1,
                                      .until = 9,
                                      .inputs = crop_inputs,
                                      .outputs = outputs,
                                      .params_size = sizeof(struct crop_params),
                                      .parse = parse_crop,
                                      .infer = infer,
                                      .run = run,
                                      .facts = &crop_facts,
                                      .row = &crop_row},
                                     {0}};
