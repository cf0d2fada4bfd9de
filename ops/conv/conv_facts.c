#include "ops/conv/conv_facts.h"

#include "ops/conv/window.h"
#include "ops/core/channel_blocks.h"

#include <math.h>

/* The weights, where they are constant floats of one to three spatial dimensions. */
static const struct shape *weight_shape(const struct op_call *call) {
    const struct tensor *weight = op_input(call, 1);
    return weight && weight->constant && weight->dtype == DTYPE_FLOAT && weight->shape.rank >= 3 && weight->bytes > 0
               ? &weight->shape
               : NULL;
}

/* ---- a scale for each output channel ---- */

static bool conv_linear(const struct op_call *call, struct op_linear *linear) {
    const struct shape *weight = weight_shape(call);
    if (!weight)
        return false;
    const int64_t channels = weight->dims[0];
    *linear = (struct op_linear){channels, shape_elements(weight) / channels, channels, 1, .bias_factor = 1};
    return true;
}

static bool transposed_linear(const struct op_call *call, struct op_linear *linear) {
    const struct shape *weight = weight_shape(call);
    const int64_t group = ((const struct window_params *)call->params)->group;
    if (!weight || weight->dims[0] % group != 0)
        return false;
    const int64_t inputs = weight->dims[0], per_group = weight->dims[1];
    *linear = (struct op_linear){.inner = shape_elements(weight) / (inputs * per_group),
                                 .per_group = per_group,
                                 .rows = inputs / group,
                                 .bias_factor = 1};
    return !__builtin_mul_overflow(per_group, group, &linear->channels);
}

/* ---- a border ---- */

static bool conv_pads(const struct op_call *call, int spatial, int64_t *pads) {
    const struct window_params *params = call->params;
    if (!weight_shape(call) || (params->auto_pad != PAD_NOTSET && params->auto_pad != PAD_VALID) ||
        (params->pad_count != 0 && params->pad_count != spatial * 2))
        return false;
    for (int i = 0; i < spatial * 2; i++)
        pads[i] = params->auto_pad == PAD_NOTSET && params->pad_count ? params->pads[i] : 0;
    return true;
}

/* ---- channel blocks ---- */

/* What the weights say of the layer. */
struct form {
    bool transposed, from_blocks;
    int64_t group, in, out; /* channels, all groups */
    const struct shape *weight;
};

/* Whole blocks are worth their padding. */
static bool fills_blocks(int64_t channels) {
    const int64_t padded = (channels + CHANNEL_BLOCK - 1) / CHANNEL_BLOCK * CHANNEL_BLOCK;
    return padded * 5 <= channels * 8;
}

/* Few output channels, and taps of a row that are not far apart. */
static bool has_few_outputs(const struct window_params *params, const struct form *form) {
    const int64_t stride = params->stride_count == 2 ? params->strides[1] : 1;
    const int64_t dilation = params->dilation_count == 2 ? params->dilations[1] : 1;
    const int64_t reach = dilation <= FEW_OUTPUTS_REACH ? (form->weight->dims[3] - 1) * dilation : INT64_MAX;
    return form->group == 1 && (form->transposed || stride <= (form->from_blocks ? 1 : FEW_OUTPUTS_STEP)) &&
           form->out <= CHANNEL_BLOCK &&
           (form->from_blocks ? dilation <= 8 && form->weight->dims[3] <= 8 : reach <= FEW_OUTPUTS_REACH);
}

static bool groups_are_blocks(const struct form *form) {
    return form->in / form->group % CHANNEL_BLOCK == 0 && form->out / form->group % CHANNEL_BLOCK == 0;
}

/* Groups of few channels, and a window that is not too wide. */
static bool groups_are_small(const struct window_params *params, const struct form *form) {
    int64_t reach = form->in / form->group;
    if (reach > GROUPED_CHANNELS)
        return false;
    for (int d = 0; d < 2; d++) {
        const int64_t dilation = d < params->dilation_count ? params->dilations[d] : 1;
        const int64_t last = form->weight->dims[2 + d] - 1;
        if (last > GROUPED_REACH || dilation > GROUPED_REACH || reach > GROUPED_REACH)
            return false;
        reach *= last * dilation + 1;
    }
    return reach <= GROUPED_REACH;
}

/* Whether it reads blocks, or a plain tensor of few channels; and writes blocks, or few planes. in: 0 for a plain
 * input. */
static bool choose_sides(const struct window_params *params, struct form *form, int64_t in, bool *to_blocks) {
    if (form->group > 1) {
        const bool depthwise = !form->transposed && form->in == form->group && form->out == form->group;
        const bool small = groups_are_small(params, form);
        *to_blocks = groups_are_blocks(form) || (small && fills_blocks(form->in) && fills_blocks(form->out));
        form->from_blocks = *to_blocks && !(depthwise && in == 0);
        return *to_blocks || (small && depthwise && in == 0);
    }
    if (in != 0 && in != form->in)
        return false; /* that is an error, and the plain operator explains it better */
    form->from_blocks = in != 0 || fills_blocks(form->in);
    *to_blocks = fills_blocks(form->out);
    if (!form->from_blocks && form->in >= CHANNEL_BLOCK)
        return false;
    return *to_blocks || has_few_outputs(params, form);
}

/*
 * A convolution in one dimension reads and writes plain tensors by the kernels of channel blocks, where it is depthwise
 * or has few input channels.
 */
static bool is_line(const struct window_params *params, const struct form *form) {
    const int64_t *dims = form->weight->dims, stride = params->stride_count ? params->strides[0] : 1;
    const int64_t dilation = params->dilation_count ? params->dilations[0] : 1;
    if (form->weight->rank != 3 || form->transposed || dims[2] > GROUPED_REACH || dilation > GROUPED_REACH)
        return false;
    const int64_t reach = (dims[2] - 1) * dilation;
    if (form->group == 1)
        return dims[1] <= FEW_OUTPUTS_PLANES && stride <= FEW_OUTPUTS_STEP && reach <= FEW_OUTPUTS_REACH;
    return dims[0] == form->group && dims[1] == 1 && reach < GROUPED_REACH;
}

static bool line_blocks(struct op_blocking *blocking) {
    *blocking =
        (struct op_blocking){.op_type = "BlockedConv",
                             .attributes = {{.name = "blocked_input", .type = ATTRIBUTE_INT, .count = 1, .i = 0},
                                            {.name = "blocked_output", .type = ATTRIBUTE_INT, .count = 1, .i = 0}},
                             .attribute_count = 2};
    return true;
}

static bool blocks_of(const struct op_call *call, bool transposed, int64_t in, struct op_blocking *blocking) {
    const struct window_params *params = call->params;
    struct form form = {.transposed = transposed, .group = params->group, .weight = weight_shape(call)};
    bool to_blocks;
    if (form.weight && in == 0 && is_line(params, &form))
        return line_blocks(blocking);
    if (!form.weight || form.weight->rank != 4 || form.weight->dims[0] % form.group != 0)
        return false;
    const int64_t *dims = form.weight->dims;
    form.in = transposed ? dims[0] : dims[1] * form.group;
    form.out = transposed ? dims[1] * form.group : dims[0];
    if (!choose_sides(params, &form, in, &to_blocks))
        return false;
    *blocking = (struct op_blocking){
        .op_type = transposed ? "BlockedConvTranspose" : "BlockedConv",
        .in = form.from_blocks ? form.in : 0,
        .out = to_blocks ? form.out : 0,
        .attributes = {{.name = "blocked_input", .type = ATTRIBUTE_INT, .count = 1, .i = form.from_blocks},
                       {.name = "blocked_output", .type = ATTRIBUTE_INT, .count = 1, .i = to_blocks}},
        .attribute_count = 2};
    return true;
}

static bool conv_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    return blocks_of(call, false, channels[0], blocking);
}

static bool transposed_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    return blocks_of(call, true, channels[0], blocking);
}

/* ---- how far it sees ---- */

static int64_t largest(const int64_t *values, int count) {
    int64_t most = 1;
    for (int i = 0; i < count; i++)
        most = values[i] > most ? values[i] : most;
    return most;
}

static double entry(const int64_t *values, int count, int i, int64_t otherwise) {
    return (double)(i < count ? values[i] : otherwise);
}

/* What an element of the output meets along one dimension, in elements of the input: from `low` to `high` beside
   i * stride, or for a transposed convolution, i / stride. */
struct extent {
    double stride, low, high;
};

/* From the first tap to the last one. */
static double span_of(const struct op_call *call, int i) {
    const struct window_params *params = call->params;
    const struct tensor *weight = op_input(call, 1);
    const bool declared = weight && weight->constant && i + 2 < weight->shape.rank;
    const int64_t widest = largest(params->kernel, params->kernel_count);
    const double size = entry(params->kernel, params->kernel_count, i, declared ? weight->shape.dims[i + 2] : widest);
    return (size - 1) * entry(params->dilations, params->dilation_count, i, 1);
}

/* Where the padding follows the picture's size, it is between what a multiple of the stride has and half the span. */
static struct extent extent_of(const struct op_call *call, int i, bool transposed) {
    const struct window_params *params = call->params;
    const double span = span_of(call, i), stride = entry(params->strides, params->stride_count, i, 1);
    const bool fixed = params->auto_pad == PAD_NOTSET || params->auto_pad == PAD_VALID;
    const bool follows = transposed && params->output_shape_count > 0;
    const double pad = params->auto_pad == PAD_NOTSET ? entry(params->pads, params->pad_count, i, 0) : 0;
    const double most = follows ? span : fixed ? pad : ceil(span / 2);
    const double least = follows ? 0 : fixed ? pad : fmax(0, floor((span + 1 - stride) / 2));
    if (transposed)
        return (struct extent){stride, (least - span) / stride, most / stride};
    return (struct extent){stride, -most, span - least};
}

/* The dimensions in one window: round one middle if they have one stride, else wide enough for both. */
static void window_reach(const struct op_call *call, bool transposed, struct op_reach *reach) {
    const struct window_params *params = call->params;
    const struct tensor *weight = op_input(call, 1);
    const int known = params->kernel_count ? params->kernel_count : params->stride_count;
    const int rank = weight && weight->constant ? weight->shape.rank - 2 : known;
    struct extent all = extent_of(call, 0, transposed);
    double last = all.stride;
    for (int i = 1; i < rank && i < SPATIAL; i++) {
        const struct extent next = extent_of(call, i, transposed);
        all = (struct extent){all.stride, fmin(all.low, next.low), fmax(all.high, next.high)};
        last = next.stride;
    }
    *reach = (struct op_reach){.radius = (all.high - all.low) / 2,
                               .step = transposed ? 1 / all.stride : all.stride,
                               .last_step = transposed ? 1 / last : last,
                               .shift = (all.high + all.low) / 2};
}

void conv_reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    (void)sees;
    window_reach(call, false, reach);
}

static void transposed_reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    (void)sees;
    window_reach(call, true, reach);
}

const struct op_facts conv_facts = {
    .fused = "Conv", .linear = conv_linear, .pads = conv_pads, .blocks = conv_blocks, .reach = conv_reach};
const struct op_facts conv_fused_facts = {
    .fused = "Conv", .fuses = FUSES_ACTIVATION | FUSES_SCALE, .pads = conv_pads, .blocks = conv_blocks};
const struct op_facts conv_transpose_facts = {
    .fused = "ConvTranspose", .linear = transposed_linear, .blocks = transposed_blocks, .reach = transposed_reach};
const struct op_facts conv_transpose_fused_facts = {
    .fused = "ConvTranspose", .fuses = FUSES_ACTIVATION | FUSES_SCALE, .blocks = transposed_blocks};
