#include "runtime/passes/pass_batchnorm.h"

#include "runtime/passes/pass.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* y = scale[channel] * x + shift[channel] */
struct affine {
    int64_t channels;
    double *scale, *shift;
};

/* Where output channels lie in a weight: element e belongs to e / (inner * per_group) / rows * per_group + e / inner %
 * per_group. */
struct weight_layout {
    int64_t channels, inner, per_group, rows;
};

static const float *channel_floats(const struct pass_context *context, const struct node *node, int i,
                                   int64_t channels) {
    const struct tensor *tensor = pass_constant(context, node, i, DTYPE_FLOAT);
    return tensor && tensor->shape.rank == 1 && tensor->shape.dims[0] == channels ? tensor->data : NULL;
}

static bool only_first_output(const struct node *node) {
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return false;
    return node->output_count > 0 && node->outputs[0] != NO_VALUE;
}

static bool is_inference(const struct node *node) {
    return pass_is(node, "BatchNormalization") && only_first_output(node) && node_int(node, "training_mode", 0) == 0 &&
           node_int(node, "spatial", 1) == 1;
}

/* False when the node's statistics are not constant floats for that many channels, or give no finite numbers. */
static bool read_affine(const struct pass_context *context, const struct node *node, struct affine *affine) {
    const float *scale = channel_floats(context, node, 1, affine->channels);
    const float *bias = channel_floats(context, node, 2, affine->channels);
    const float *mean = channel_floats(context, node, 3, affine->channels);
    const float *variance = channel_floats(context, node, 4, affine->channels);
    const double epsilon = node_float(node, "epsilon", 1e-5f);
    affine->scale = pass_scratch(context, (size_t)affine->channels, sizeof *affine->scale);
    affine->shift = pass_scratch(context, (size_t)affine->channels, sizeof *affine->shift);
    if (!scale || !bias || !mean || !variance || !affine->scale || !affine->shift)
        return false;
    for (int64_t i = 0; i < affine->channels; i++) {
        affine->scale[i] = scale[i] / sqrt(variance[i] + epsilon);
        affine->shift[i] = bias[i] - mean[i] * affine->scale[i];
        if (!isfinite(affine->scale[i]) || !isfinite(affine->shift[i]))
            return false;
    }
    return true;
}

static bool conv_layout(const struct tensor *weight, struct weight_layout *layout) {
    const int64_t channels = weight->shape.dims[0];
    *layout = (struct weight_layout){channels, tensor_elements(weight) / channels, channels, 1};
    return true;
}

static bool transposed_layout(const struct node *node, const struct tensor *weight, struct weight_layout *layout) {
    const int64_t inputs = weight->shape.dims[0], per_group = weight->shape.dims[1];
    const int64_t group = node_int(node, "group", 1);
    int64_t channels;
    if (group < 1 || inputs % group != 0 || __builtin_mul_overflow(per_group, group, &channels))
        return false;
    *layout =
        (struct weight_layout){channels, tensor_elements(weight) / (inputs * per_group), per_group, inputs / group};
    return true;
}

static bool gemm_layout(const struct node *node, const struct tensor *weight, struct weight_layout *layout) {
    const int64_t rows = weight->shape.dims[0], columns = weight->shape.dims[1];
    if (node_int(node, "transB", 0) != 0)
        *layout = (struct weight_layout){rows, columns, rows, 1};
    else
        *layout = (struct weight_layout){columns, 1, columns, rows};
    return true;
}

static bool read_layout(const struct node *node, const struct tensor *weight, struct weight_layout *layout) {
    if (!weight || tensor_elements(weight) <= 0)
        return false;
    if (pass_is(node, "Conv"))
        return weight->shape.rank >= 3 && conv_layout(weight, layout);
    if (pass_is(node, "ConvTranspose"))
        return weight->shape.rank >= 3 && transposed_layout(node, weight, layout);
    return pass_is(node, "Gemm") && weight->shape.rank == 2 && gemm_layout(node, weight, layout);
}

/* The present bias: one number per channel, or one for all of them (Gemm). */
struct bias {
    const float *data; /* NULL: zero */
    int64_t step;
    double factor;
};

static bool read_bias(const struct pass_context *context, const struct node *node, int64_t channels,
                      struct bias *bias) {
    const bool gemm = pass_is(node, "Gemm");
    *bias = (struct bias){.step = 1, .factor = gemm ? node_float(node, "beta", 1.0f) : 1.0};
    if (pass_input(node, 2) == NO_VALUE)
        return true;
    const struct tensor *tensor = pass_constant(context, node, 2, DTYPE_FLOAT);
    if (!tensor || (!gemm && tensor->shape.rank != 1) || tensor->shape.rank > 2)
        return false;
    const int64_t elements = tensor_elements(tensor);
    const int64_t last = tensor->shape.rank > 0 ? tensor->shape.dims[tensor->shape.rank - 1] : 1;
    if (last != elements || (elements != channels && !(gemm && elements == 1)))
        return false;
    bias->data = tensor->data;
    bias->step = elements == channels ? 1 : 0;
    return true;
}

static void scale_weight(const struct weight_layout *layout, const struct affine *affine, const struct tensor *from,
                         float *to) {
    const unsigned char *source = from->data; /* as the file has it: not aligned */
    const int64_t runs = tensor_elements(from) / layout->inner;
    for (int64_t run = 0; run < runs; run++) {
        const int64_t channel = run / layout->per_group / layout->rows * layout->per_group + run % layout->per_group;
        const double scale = affine->scale[channel];
        for (int64_t i = run * layout->inner; i < (run + 1) * layout->inner; i++) {
            float old;
            memcpy(&old, source + (size_t)i * sizeof old, sizeof old);
            to[i] = (float)(old * scale);
        }
    }
}

static void fold_bias(const struct bias *bias, const struct affine *affine, float *to) {
    for (int64_t i = 0; i < affine->channels; i++) {
        const double old = bias->data ? bias->data[i * bias->step] * bias->factor : 0.0;
        to[i] = (float)(old * affine->scale[i] + affine->shift[i]);
    }
}

/* The node reads these constants instead of its weight and bias, and a scale (NO_VALUE: none). */
static bool set_inputs(struct pass_context *context, struct node *node, int weight, int bias, int scale) {
    int *inputs = pool_array(context->program->pool, 4, sizeof *inputs);
    if (!inputs)
        return false;
    inputs[0] = node->inputs[0];
    inputs[1] = weight;
    inputs[2] = bias;
    inputs[3] = scale;
    node->inputs = inputs;
    node->input_count = scale == NO_VALUE ? 3 : 4;
    const struct attribute one = {.name = "beta", .type = ATTRIBUTE_FLOAT, .count = 1, .f = 1.0f};
    return !pass_is(node, "Gemm") || pass_set_attribute(context, node, &one);
}

/* A Gemm takes weights of its own; the original's pages are let go. */
static status fold_gemm_weight(struct pass_context *context, const struct node *node,
                               const struct weight_layout *layout, const struct affine *affine, int *value,
                               struct error *err) {
    const struct tensor *old = program_constant(context->program, node->inputs[1]);
    struct tensor weight;
    if (pass_new_constant(context, context->graph->values[node->inputs[1]].name, &old->shape, DTYPE_FLOAT, &weight,
                          value, err) != STATUS_OK)
        return err->code;
    scale_weight(layout, affine, old, weight.data);
    tensor_drop_pages(old);
    return STATUS_OK;
}

/* A convolution multiplies its weights by a scale while packing them: there is no second copy. */
static status fold_scale(struct pass_context *context, struct node *node, const struct affine *affine, const char *name,
                         int *value, struct error *err) {
    const struct shape channels = {.rank = 1, .dims = {affine->channels}};
    struct tensor scale;
    if (pass_new_constant(context, name, &channels, DTYPE_FLOAT, &scale, value, err) != STATUS_OK)
        return err->code;
    for (int64_t i = 0; i < affine->channels; i++)
        ((float *)scale.data)[i] = (float)affine->scale[i];
    node->domain = INTERNAL_DOMAIN;
    return STATUS_OK;
}

static status fold(struct pass_context *context, struct node *node, const struct weight_layout *layout,
                   const struct affine *affine, const struct bias *bias, const struct node *norm, struct error *err) {
    const char *bias_name = context->graph->values[norm->inputs[2]].name;
    const char *scale_name = context->graph->values[norm->inputs[1]].name;
    const struct shape channels = {.rank = 1, .dims = {affine->channels}};
    struct tensor shift;
    int weight = node->inputs[1], scale = NO_VALUE, shift_value;
    if (pass_new_constant(context, bias_name, &channels, DTYPE_FLOAT, &shift, &shift_value, err) != STATUS_OK)
        return err->code;
    fold_bias(bias, affine, shift.data);
    const status code = pass_is(node, "Gemm") ? fold_gemm_weight(context, node, layout, affine, &weight, err)
                                              : fold_scale(context, node, affine, scale_name, &scale, err);
    if (code != STATUS_OK)
        return code;
    return set_inputs(context, node, weight, shift_value, scale) ? STATUS_OK : fail_memory(err, "a folded node");
}

static status try_fold(struct pass_context *context, struct node *norm, struct error *err) {
    struct node *node = is_inference(norm) ? pass_only_producer(context, pass_input(norm, 0)) : NULL;
    struct weight_layout layout;
    struct bias bias;
    if (!node || !read_layout(node, pass_weight(context, node, 1, DTYPE_FLOAT), &layout) ||
        !read_bias(context, node, layout.channels, &bias))
        return STATUS_OK;
    struct affine affine = {.channels = layout.channels};
    if (!read_affine(context, norm, &affine))
        return STATUS_OK;
    const status code = fold(context, node, &layout, &affine, &bias, norm, err);
    if (code == STATUS_OK)
        pass_absorb(context, node, norm);
    return code;
}

status pass_batchnorm(struct pass_context *context, struct error *err) {
    for (int i = 0; i < context->graph->node_count; i++) {
        const status code = try_fold(context, &context->graph->nodes[i], err);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}
