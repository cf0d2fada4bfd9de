#include "runtime/passes/pass_pad.h"

#include "runtime/passes/pass.h"

#include <string.h>

static bool read_list(const int64_t *list, int64_t count, struct pass_padding *padding) {
    if (count < 6 || count > 2 * MAX_RANK || count % 2 != 0)
        return false;
    padding->rank = (int)(count / 2);
    for (int i = 0; i < padding->rank; i++) {
        padding->begin[i] = list[i];
        padding->end[i] = list[padding->rank + i];
        if (padding->begin[i] < 0 || padding->end[i] < 0 || padding->begin[i] > INT32_MAX ||
            padding->end[i] > INT32_MAX)
            return false;
    }
    return padding->begin[0] + padding->end[0] + padding->begin[1] + padding->end[1] == 0;
}

static bool fills_with_zero(const struct pass_context *context, const struct node *pad) {
    if (pass_input(pad, 2) == NO_VALUE)
        return node_float(pad, "value", 0.0f) == 0.0f;
    const struct tensor *value = pass_constant(context, pad, 2, DTYPE_FLOAT);
    return value && tensor_elements(value) == 1 && *(const float *)value->data == 0.0f;
}

bool pass_read_padding(const struct pass_context *context, const struct node *pad, struct pass_padding *padding) {
    if (!pass_is(pad, "Pad") || pass_input(pad, 3) != NO_VALUE)
        return false;
    padding->mode = node_text(pad, "mode", "constant");
    if (strcmp(padding->mode, "constant") == 0 && !fills_with_zero(context, pad))
        return false;
    const struct attribute *list = node_attribute(pad, "pads");
    if (list)
        return list->type == ATTRIBUTE_INTS && list->count <= 2 * MAX_RANK &&
               read_list(list->ints, (int64_t)list->count, padding);
    const struct tensor *amounts = pass_constant(context, pad, 1, DTYPE_INT64);
    return amounts && amounts->shape.rank == 1 && read_list(amounts->data, amounts->shape.dims[0], padding);
}

bool pass_read_pads(const struct node *conv, int spatial, int64_t *pads) {
    const char *auto_pad = node_text(conv, "auto_pad", "NOTSET");
    if (strcmp(auto_pad, "NOTSET") != 0 && strcmp(auto_pad, "VALID") != 0)
        return false;
    const struct attribute *list = node_attribute(conv, "pads");
    if (list && (list->type != ATTRIBUTE_INTS || list->count != (size_t)spatial * 2))
        return false;
    for (int i = 0; i < spatial * 2; i++) {
        pads[i] = list && strcmp(auto_pad, "NOTSET") == 0 ? list->ints[i] : 0;
        if (pads[i] < 0 || pads[i] > INT32_MAX)
            return false;
    }
    return true;
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
    const struct tensor *weight = pass_is_convolution(conv) && strcmp(conv->op_type, "Conv") == 0
                                      ? pass_weight(context, conv, 1, DTYPE_FLOAT)
                                      : NULL;
    struct node *pad = weight ? pass_only_producer(context, pass_input(conv, 0)) : NULL;
    struct pass_padding padding;
    int64_t pads[2 * MAX_RANK];
    if (!pad || !pass_read_padding(context, pad, &padding) || strcmp(padding.mode, "constant") != 0 ||
        padding.rank != weight->shape.rank || pass_input(pad, 0) == NO_VALUE ||
        !pass_read_pads(conv, padding.rank - 2, pads))
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
