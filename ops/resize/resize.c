/* Resize (ONNX 10, 11, 13, 18, 19) and Upsample (1, 7, 9, 10), on plain tensors and on channel blocks. */
#include "base/checked.h"
#include "base/sizes.h"
#include "ops/kernels/families.h"
#include "ops/resize/resize_axes.h"
#include "ops/resize/resize_facts.h"
#include "ops/resize/resize_filter.h"
#include "ops/resize/resize_nearest.h"
#include "ops/resize/resize_numbers.h"
#include "ops/resize/resize_taps.h"

#include <string.h>

/* The dimensions as they lie in memory. */
struct layout {
    int rank;
    struct resize_axis axes[MAX_RANK];
};

static status read_layout(const struct op_call *call, struct layout *layout, struct error *err) {
    const struct resize_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    const status code = resize_axes(call, layout->axes, err);
    layout->rank = x->rank;
    if (code != STATUS_OK || params->channels == 0)
        return code;
    if (layout->axes[1].changes)
        return fail(err, STATUS_SHAPE, "%lld channels become %lld, which is not possible in channel blocks",
                    (long long)layout->axes[1].in, (long long)layout->axes[1].out);
    for (int d = 1; d < x->rank; d += x->rank - 2) /* the blocks, and the lanes */
        layout->axes[d] = (struct resize_axis){x->dims[d], x->dims[d], 1, (double)x->dims[d], 0, 1, false};
    return STATUS_OK;
}

static status check_input(const struct op_call *call, struct error *err) {
    const struct resize_params *params = call->params;
    const struct tensor *x = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    if (params->channels > 0 && (x->shape.rank != 5 || x->shape.dims[4] != CHANNEL_BLOCK ||
                                 x->shape.dims[1] != divide_up(params->channels, CHANNEL_BLOCK)))
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected %lld channels in blocks of %d",
                    shape_text(&x->shape, text), (long long)params->channels, CHANNEL_BLOCK);
    if (params->mode != RESIZE_NEAREST && !resize_numbers_of(x->dtype))
        return fail(err, STATUS_UNSUPPORTED, "input 0 (X) has element type %s, which only \"nearest\" can resize",
                    dtype_name(x->dtype));
    if (params->coordinates == RESIZE_CROP && x->dtype == DTYPE_STRING)
        return fail(err, STATUS_UNSUPPORTED, "\"tf_crop_and_resize\" has no value for strings outside the picture");
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    struct layout layout;
    status code = check_input(call, err);
    if (code == STATUS_OK)
        code = read_layout(call, &layout, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = layout.rank};
    for (int d = 0; d < layout.rank; d++)
        shape.dims[d] = layout.axes[d].out;
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

/* Bytes of a number of the weights. */
static size_t weight_size(const struct op_call *call) {
    const struct resize_numbers *numbers = resize_numbers_of(call->inputs[0]->dtype);
    return numbers ? numbers->size : sizeof(float);
}

/* Nearest has the loops for floats, whatever the type. */
static const struct resize_kernel *loops_of(const struct op_call *call) {
    const struct resize_numbers *numbers = resize_numbers_of(call->inputs[0]->dtype);
    const bool picks = ((const struct resize_params *)call->params)->mode == RESIZE_NEAREST;
    return numbers && !picks ? resize_loops(call->kernels, numbers) : resize_kernel_of(call->kernels);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct resize_params *params = call->params;
    struct layout layout;
    struct resize_stage stages[MAX_RANK];
    int count;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    const status code = read_layout(call, &layout, err);
    bool fits = code == STATUS_OK;
    for (int d = 0; fits && d < layout.rank; d++) {
        size_t bytes = 0;
        if (layout.axes[d].changes)
            fits = resize_tap_bytes(params, &layout.axes[d], weight_size(call), &bytes) &&
                   size_add(*workspace_bytes, bytes, workspace_bytes);
    }
    if (fits && params->mode != RESIZE_NEAREST) {
        size_t shared;
        resize_stages(params, layout.axes, layout.rank, stages, &count);
        fits = resize_filter_bytes(stages, count, call->inputs[0]->dtype, &shared, &call->own_bytes) &&
               size_add(*workspace_bytes, shared, workspace_bytes);
    }
    return code == STATUS_OK && !fits ? fail(err, STATUS_LIMIT, "the tables of this Resize are too large") : code;
}

/* The extrapolation value as an element of the type. */
static void value_of(enum dtype dtype, float value, char element[16]) {
    const struct resize_numbers *numbers = resize_numbers_of(dtype);
    const double wide = (double)value;
    const bool truth = value != 0;
    memset(element, 0, 16);
    if (dtype == DTYPE_BOOL)
        memcpy(element, &truth, 1);
    else if (dtype == DTYPE_COMPLEX128 || dtype == DTYPE_DOUBLE)
        memcpy(element, &wide, sizeof wide);
    else if (!numbers || numbers->same)
        memcpy(element, &value, sizeof value);
    else if (numbers->size == sizeof value)
        numbers->store(&value, element, 1);
    else
        numbers->store(&wide, element, 1);
}

/* Fills what lies outside along dimension d. */
static void fill_outside(const struct tensor *y, int d, const struct resize_taps *taps, const char element[16]) {
    const size_t size = dtype_size(y->dtype);
    int64_t outer = 1, inner = 1;
    for (int k = 0; k < y->shape.rank; k++) {
        outer *= k < d ? y->shape.dims[k] : 1;
        inner *= k > d ? y->shape.dims[k] : 1;
    }
    char *to = y->data;
    for (int64_t i = 0; i < outer; i++)
        for (int64_t o = 0; o < taps->out; o++, to += (size_t)inner * size)
            for (int64_t k = 0; taps->is_outside[o] && k < inner; k++)
                memcpy(to + (size_t)k * size, element, size);
}

static status run(struct op_call *call, struct error *err) {
    const struct resize_params *params = call->params;
    struct layout layout;
    struct resize_stage stages[MAX_RANK];
    struct resize_taps tables[MAX_RANK];
    const struct resize_taps *taps[MAX_RANK] = {NULL};
    const struct resize_kernel *kernel = loops_of(call);
    char *memory = call->workspace, element[16];
    int count;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    const status code = read_layout(call, &layout, err);
    if (code != STATUS_OK)
        return code;
    for (int d = 0; d < layout.rank; d++) {
        size_t bytes = 0;
        if (!layout.axes[d].changes)
            continue;
        resize_make_taps(params, &layout.axes[d], weight_size(call), kernel, memory, &tables[d]);
        resize_tap_bytes(params, &layout.axes[d], weight_size(call), &bytes);
        memory += bytes;
        taps[d] = &tables[d];
    }
    resize_stages(params, layout.axes, layout.rank, stages, &count);
    if (params->mode == RESIZE_NEAREST || count == 0)
        resize_nearest(call, taps);
    else
        resize_filter(call, stages, count, taps, memory);
    value_of(call->inputs[0]->dtype, params->extrapolation, element);
    for (int d = 0; d < layout.rank; d++)
        if (taps[d] && taps[d]->outside)
            fill_outside(call->outputs[0], d, taps[d], element);
    return STATUS_OK;
}

#define TYPES (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_STRING) | TYPE(DTYPE_COMPLEX64) | TYPE(DTYPE_COMPLEX128))

static const struct op_arg by_attribute[] = {{"X", TYPES, ARG_T}, {0}};
static const struct op_arg by_scales[] = {{"X", TYPES, ARG_T}, {"scales", TYPES_FLOAT, 0}, {0}};
#define ROI (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg by_inputs[] = {{"X", TYPES, ARG_T},
                                          {"roi", ROI, ARG_T1 | ARG_OPTIONAL},
                                          {"scales", TYPES_FLOAT, ARG_OPTIONAL},
                                          {"sizes", TYPES_INDEX, ARG_OPTIONAL},
                                          {0}};
static const struct op_arg blocked[] = {{"X", TYPES_FLOAT, ARG_T},
                                        {"roi or scales", ROI, ARG_OPTIONAL},
                                        {"scales", TYPES_FLOAT, ARG_OPTIONAL},
                                        {"sizes", TYPES_INDEX, ARG_OPTIONAL},
                                        {0}};
static const struct op_arg outputs[] = {{"Y", TYPES, ARG_T}, {0}};
static const struct op_arg blocked_outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {0}};

#define RESIZE_OP(op_name, op_domain, first, last, arguments, results, op_facts, op_row)                              \
    {                                                                                                                 \
        .name = op_name, .domain = op_domain, .since = first, .until = last, .inputs = arguments, .outputs = results, \
        .params_size = sizeof(struct resize_params), .parse = resize_parse, .infer = infer, .prepare = prepare,       \
        .run = run, .facts = op_facts, .row = op_row                                                                  \
    }

static const enum resize_form sides = RESIZE_BY_SIDES, attribute = RESIZE_BY_ATTRIBUTE, scales = RESIZE_BY_SCALES,
                              whole = RESIZE_BY_INPUTS_WHOLE, newest = RESIZE_BY_INPUTS;

const struct op ops_resize[] = {
    RESIZE_OP("Resize", "", 10, 10, by_scales, outputs, &resize_facts, &scales),
    RESIZE_OP("Resize", "", 11, 18, by_inputs, outputs, &resize_facts, &whole),
    RESIZE_OP("Resize", "", 19, 0, by_inputs, outputs, &resize_facts, &newest),
    RESIZE_OP("Upsample", "", 1, 6, by_attribute, outputs, &resize_facts, &sides),
    RESIZE_OP("Upsample", "", 7, 8, by_attribute, outputs, &resize_facts, &attribute),
    RESIZE_OP("Upsample", "", 9, 0, by_scales, outputs, &resize_facts, &scales),
    RESIZE_OP("BlockedResize", INTERNAL_DOMAIN, 1, 0, blocked, blocked_outputs, &resize_blocked_facts, NULL),
    {.name = NULL}};
