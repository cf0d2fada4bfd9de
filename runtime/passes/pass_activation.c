#include "runtime/passes/pass_activation.h"

#include "ops/registry.h"
#include "runtime/passes/pass.h"

#include <string.h>

bool pass_read_activation(const struct pass_context *context, const struct node *node, struct activation *activation) {
    if (node->output_count != 1 || node->outputs[0] == NO_VALUE || !pass_facts(context, node)->activation)
        return false;
    const struct op_call *call = pass_call(context, node);
    return call && op_facts(call->op)->activation(call, activation);
}

/* The operator of the internal domain that does the node's work and takes an activation, for constant float weights; or
 * NULL. */
static const char *taker_of(const struct pass_context *context, const struct node *node) {
    const char *fused = pass_facts(context, node)->fused;
    const struct op *op = fused ? op_find(INTERNAL_DOMAIN, fused, INTERNAL_OPSET) : NULL;
    return (op_facts(op)->fuses & FUSES_ACTIVATION) && !node_attribute(node, "activation") &&
                   pass_weight(context, node, 1, DTYPE_FLOAT)
               ? fused
               : NULL;
}

bool pass_set_activation(struct pass_context *context, struct node *node, const struct activation *activation) {
    float *params = pool_array(context->program->pool, 2, sizeof *params);
    const char *name = activation_name(activation->kind);
    if (!params)
        return false;
    params[0] = activation->alpha;
    params[1] = activation->beta;
    const struct attribute kind = {
        .name = "activation", .type = ATTRIBUTE_STRING, .count = 1, .s = {.bytes = name, .length = strlen(name)}};
    const struct attribute numbers = {
        .name = "activation_params", .type = ATTRIBUTE_FLOATS, .count = 2, .floats = params};
    return pass_set_attribute(context, node, &kind) && pass_set_attribute(context, node, &numbers);
}

status pass_activation(struct pass_context *context, struct error *err) {
    for (int i = 0; i < context->graph->node_count; i++) {
        struct node *reader = &context->graph->nodes[i];
        struct activation activation;
        if (!pass_read_activation(context, reader, &activation))
            continue;
        struct node *node = pass_only_producer(context, pass_input(reader, 0));
        const char *taker = node ? taker_of(context, node) : NULL;
        if (!taker)
            continue;
        if (!pass_set_activation(context, node, &activation))
            return fail_memory(err, "a fused node");
        node->domain = INTERNAL_DOMAIN;
        node->op_type = taker;
        pass_absorb(context, node, reader);
    }
    return STATUS_OK;
}
