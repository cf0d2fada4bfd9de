#include "runtime/passes/pass_batchnorm.h"

#include "base/unaligned.h"
#include "ops/registry.h"
#include "runtime/passes/pass.h"

/* y = scale[channel] * x + shift[channel] */
struct channel_affine {
    int64_t channels;
    double *scale, *shift;
};

/* False when the node is no scale and shift of so many channels by constants. */
static bool read_affine(const struct pass_context *context, const struct node *node, struct channel_affine *affine) {
    const struct op_call *call = pass_call(context, node);
    affine->scale = pass_scratch(context, (size_t)affine->channels, sizeof *affine->scale);
    affine->shift = pass_scratch(context, (size_t)affine->channels, sizeof *affine->shift);
    return call && affine->scale && affine->shift &&
           op_facts(call->op)->affine(call, affine->channels, affine->scale, affine->shift);
}

static bool read_linear(const struct pass_context *context, const struct node *node, struct op_linear *linear) {
    const struct op_call *call = pass_facts(context, node)->linear && pass_weight(context, node, 1, DTYPE_FLOAT)
                                     ? pass_call(context, node)
                                     : NULL;
    return call && op_facts(call->op)->linear(call, linear);
}

/* The present bias: one number per channel, or one for all of them. */
struct bias {
    const float *data; /* NULL: zero */
    int64_t step;
    double factor;
};

static bool read_bias(const struct pass_context *context, const struct node *node, const struct op_linear *linear,
                      struct bias *bias) {
    *bias = (struct bias){.step = 1, .factor = linear->bias_factor};
    if (pass_input(node, 2) == NO_VALUE)
        return true;
    const struct tensor *constant = pass_weight(context, node, 2, DTYPE_FLOAT);
    const struct tensor *tensor = constant ? tensor_align(constant, context->scratch) : NULL;
    *context->starved |= constant && !tensor;
    if (!tensor || (!linear->bias_broadcasts && tensor->shape.rank != 1) || tensor->shape.rank > 2)
        return false;
    const int64_t elements = tensor_elements(tensor);
    const int64_t last = tensor->shape.rank > 0 ? tensor->shape.dims[tensor->shape.rank - 1] : 1;
    if (last != elements || (elements != linear->channels && !(linear->bias_broadcasts && elements == 1)))
        return false;
    bias->data = tensor->data;
    bias->step = elements == linear->channels ? 1 : 0;
    return true;
}

static void scale_weight(const struct op_linear *layout, const struct channel_affine *affine, const struct tensor *from,
                         float *to) {
    const int64_t runs = tensor_elements(from) / layout->inner;
    for (int64_t run = 0; run < runs; run++) {
        const int64_t channel = run / layout->per_group / layout->rows * layout->per_group + run % layout->per_group;
        const double scale = affine->scale[channel];
        for (int64_t i = run * layout->inner; i < (run + 1) * layout->inner; i++)
            to[i] = (float)(unaligned_float(from->data, i) * scale);
    }
}

static void fold_bias(const struct bias *bias, const struct channel_affine *affine, float *to) {
    for (int64_t i = 0; i < affine->channels; i++) {
        const double old = bias->data ? bias->data[i * bias->step] * bias->factor : 0.0;
        to[i] = (float)(old * affine->scale[i] + affine->shift[i]);
    }
}

/* The node reads these constants instead of its weight and bias, and a scale (NO_VALUE: none). */
static bool set_inputs(struct pass_context *context, struct node *node, const char *factor_name,
                       const int constants[3]) {
    int *inputs = pool_array(context->program->pool, 4, sizeof *inputs);
    if (!inputs)
        return false;
    inputs[0] = node->inputs[0];
    for (int i = 0; i < 3; i++)
        inputs[i + 1] = constants[i];
    node->inputs = inputs;
    node->input_count = constants[2] == NO_VALUE ? 3 : 4;
    const struct attribute one = {.name = factor_name, .type = ATTRIBUTE_FLOAT, .count = 1, .f = 1.0f};
    return !factor_name || pass_set_attribute(context, node, &one);
}

/* The node takes weights of its own; the original's pages are let go. */
static status fold_weight(struct pass_context *context, const struct node *node, const struct op_linear *linear,
                          const struct channel_affine *affine, int *value, struct error *err) {
    const struct tensor *old = program_constant(context->program, node->inputs[1]);
    struct tensor weight;
    if (pass_new_constant(context, context->graph->values[node->inputs[1]].name, &old->shape, DTYPE_FLOAT, &weight,
                          value, err) != STATUS_OK)
        return err->code;
    scale_weight(linear, affine, old, weight.data);
    tensor_drop_pages(old);
    return STATUS_OK;
}

/* The operator of the internal domain that multiplies weights by a scale while packing them: there is no second copy.
 * NULL: there is none. */
static const char *scaler_of(const struct pass_context *context, const struct node *node) {
    const char *fused = pass_facts(context, node)->fused;
    const struct op *op = fused ? op_find(INTERNAL_DOMAIN, fused, INTERNAL_OPSET) : NULL;
    return op_facts(op)->fuses & FUSES_SCALE ? fused : NULL;
}

static status fold_scale(struct pass_context *context, const struct channel_affine *affine, const char *name,
                         int *value, struct error *err) {
    const struct shape channels = {.rank = 1, .dims = {affine->channels}};
    struct tensor scale;
    if (pass_new_constant(context, name, &channels, DTYPE_FLOAT, &scale, value, err) != STATUS_OK)
        return err->code;
    for (int64_t i = 0; i < affine->channels; i++)
        ((float *)scale.data)[i] = (float)affine->scale[i];
    return STATUS_OK;
}

static status fold(struct pass_context *context, struct node *node, const struct op_linear *linear,
                   const struct channel_affine *affine, const struct bias *bias, const struct node *norm,
                   struct error *err) {
    const char *bias_name = context->graph->values[norm->inputs[2]].name;
    const char *scale_name = context->graph->values[norm->inputs[1]].name, *scaler = scaler_of(context, node);
    const struct shape channels = {.rank = 1, .dims = {affine->channels}};
    struct tensor shift;
    int constants[3] = {node->inputs[1], NO_VALUE, NO_VALUE}; /* weight, bias, scale */
    if (pass_new_constant(context, bias_name, &channels, DTYPE_FLOAT, &shift, &constants[1], err) != STATUS_OK)
        return err->code;
    fold_bias(bias, affine, shift.data);
    const status code = scaler ? fold_scale(context, affine, scale_name, &constants[2], err)
                               : fold_weight(context, node, linear, affine, &constants[0], err);
    if (code != STATUS_OK)
        return code;
    if (scaler) {
        node->domain = INTERNAL_DOMAIN;
        node->op_type = scaler;
    }
    return set_inputs(context, node, linear->factor_name, constants) ? STATUS_OK : fail_memory(err, "a folded node");
}

static status try_fold(struct pass_context *context, struct node *norm, struct error *err) {
    const bool is_affine = pass_facts(context, norm)->affine && pass_has_one_output(norm);
    struct node *node = is_affine ? pass_only_producer(context, pass_input(norm, 0)) : NULL;
    struct op_linear linear;
    struct bias bias;
    if (!node || !read_linear(context, node, &linear) || !read_bias(context, node, &linear, &bias))
        return STATUS_OK;
    struct channel_affine affine = {.channels = linear.channels};
    if (!read_affine(context, norm, &affine))
        return STATUS_OK;
    const status code = fold(context, node, &linear, &affine, &bias, norm, err);
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
