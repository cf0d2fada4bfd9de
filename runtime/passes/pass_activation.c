#include "runtime/passes/pass_activation.h"

#include "ops/registry.h"
#include "runtime/passes/pass.h"

#include <float.h>
#include <string.h>

/* Input i as one constant float; fallback when it is left out. False when it is anything else. */
static bool scalar_input(const struct pass_context *context, const struct node *node, int i, float fallback,
                         float *value) {
    *value = fallback;
    if (pass_input(node, i) == NO_VALUE)
        return true;
    const struct tensor *tensor = pass_constant(context, node, i, DTYPE_FLOAT);
    if (!tensor || tensor_elements(tensor) != 1)
        return false;
    *value = *(const float *)tensor->data;
    return true;
}

static bool read_clip(const struct pass_context *context, const struct node *node, struct pass_fusion *fusion) {
    fusion->param_count = 2;
    return scalar_input(context, node, 1, node_float(node, "min", -FLT_MAX), &fusion->params[0]) &&
           scalar_input(context, node, 2, node_float(node, "max", FLT_MAX), &fusion->params[1]) &&
           fusion->params[0] <= fusion->params[1];
}

bool pass_read_activation(const struct pass_context *context, const struct node *node, struct pass_fusion *fusion) {
    static const char *const plain[] = {"Relu", "Sigmoid", "Tanh"};
    *fusion = (struct pass_fusion){.name = node->op_type};
    if (node->output_count != 1 || node->outputs[0] == NO_VALUE)
        return false;
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (pass_is(node, plain[i]))
            return true;
    if (pass_is(node, "LeakyRelu")) {
        fusion->params[0] = node_float(node, "alpha", 0.01f);
        fusion->param_count = 1;
        return true;
    }
    return pass_is(node, "Clip") && read_clip(context, node, fusion);
}

/* Float convolutions with constant weights, for which there is a record that takes an activation. */
static bool takes_activation(const struct pass_context *context, const struct node *node) {
    return pass_is_convolution(node) && !node_attribute(node, "activation") &&
           pass_weight(context, node, 1, DTYPE_FLOAT) &&
           op_find(INTERNAL_DOMAIN, node->op_type, INTERNAL_OPSET) != NULL;
}

bool pass_set_activation(struct pass_context *context, struct node *node, const struct pass_fusion *fusion) {
    struct pool *pool = context->program->pool;
    float *params = pool_array(pool, 2, sizeof *params);
    if (!params)
        return false;
    memcpy(params, fusion->params, sizeof fusion->params);
    const struct attribute kind = {.name = "activation",
                                   .type = ATTRIBUTE_STRING,
                                   .count = 1,
                                   .s = {.bytes = fusion->name, .length = strlen(fusion->name)}};
    const struct attribute numbers = {
        .name = "activation_params", .type = ATTRIBUTE_FLOATS, .count = (size_t)fusion->param_count, .floats = params};
    return pass_set_attribute(context, node, &kind) && pass_set_attribute(context, node, &numbers);
}

status pass_activation(struct pass_context *context, struct error *err) {
    for (int i = 0; i < context->graph->node_count; i++) {
        struct node *reader = &context->graph->nodes[i];
        struct pass_fusion fusion;
        if (!pass_read_activation(context, reader, &fusion))
            continue;
        struct node *node = pass_only_producer(context, pass_input(reader, 0));
        if (!node || !takes_activation(context, node))
            continue;
        if (!pass_set_activation(context, node, &fusion))
            return fail_memory(err, "a fused node");
        node->domain = INTERNAL_DOMAIN;
        pass_absorb(context, node, reader);
    }
    return STATUS_OK;
}
