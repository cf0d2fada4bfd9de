#include "runtime/passes/pass_pad.h"

#include "runtime/passes/pass.h"

#include <string.h>

bool pass_read_padding(const struct pass_context *context, const struct node *node, struct op_padding *padding) {
    const struct op_call *call =
        pass_facts(context, node)->padding && pass_input(node, 0) != NO_VALUE ? pass_call(context, node) : NULL;
    return call && op_facts(call->op)->padding(call, padding);
}

bool pass_read_pads(const struct pass_context *context, const struct node *node, int spatial, int64_t *pads) {
    const struct op_call *call = pass_facts(context, node)->pads ? pass_call(context, node) : NULL;
    return call && op_facts(call->op)->pads(call, spatial, pads);
}

bool pass_set_pads(struct pass_context *context, struct node *conv, const int64_t *pads, int count) {
    int64_t *list = pool_array(context->program->pool, (size_t)count, sizeof *list);
    if (!list)
        return false;
    memcpy(list, pads, (size_t)count * sizeof *list);
    const struct attribute amounts = {.name = "pads", .type = ATTRIBUTE_INTS, .count = (size_t)count, .ints = list};
    const struct attribute fixed = {
        .name = "auto_pad", .type = ATTRIBUTE_STRING, .count = 1, .s = {.bytes = "NOTSET", .length = 6}};
    return pass_set_attribute(context, conv, &amounts) && pass_set_attribute(context, conv, &fixed);
}

static status try_merge(struct pass_context *context, struct node *conv, struct error *err) {
    const struct tensor *weight = pass_facts(context, conv)->pads ? pass_weight(context, conv, 1, DTYPE_FLOAT) : NULL;
    struct node *pad = weight ? pass_only_producer(context, pass_input(conv, 0)) : NULL;
    struct op_padding padding;
    int64_t pads[2 * MAX_RANK];
    if (!pad || !pass_read_padding(context, pad, &padding) || strcmp(padding.mode, "constant") != 0 ||
        padding.rank != weight->shape.rank || !pass_read_pads(context, conv, padding.rank - 2, pads))
        return STATUS_OK;
    const int spatial = padding.rank - 2;
    for (int i = 0; i < spatial; i++) {
        pads[i] += padding.begin[i + 2];
        pads[spatial + i] += padding.end[i + 2];
    }
    if (!pass_set_pads(context, conv, pads, spatial * 2))
        return fail_memory(err, "a merged node");
    conv->inputs[0] = pad->inputs[0];
    pad->input_count = 0;
    pad->output_count = 0;
    return STATUS_OK;
}

status pass_pad(struct pass_context *context, struct error *err) {
    for (int i = 0; i < context->graph->node_count; i++) {
        const status code = try_merge(context, &context->graph->nodes[i], err);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}
