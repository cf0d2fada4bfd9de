/* Shape and Size: what a tensor looks like, without looking at its elements. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct shape_params {
    int64_t start, end;
};

static status parse_range(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct shape_params *params = out;
    (void)call;
    (void)err;
    params->start = attribute_int(attributes, "start", 0);
    params->end = attribute_int(attributes, "end", INT64_MAX);
    return STATUS_OK;
}

static int clamp_axis(int64_t axis, int rank) {
    if (axis < 0)
        axis += rank;
    return axis < 0 ? 0 : axis > rank ? rank : (int)axis;
}

/* The axes begin..end-1 that are wanted; end >= begin. */
static void wanted_axes(const struct op_call *call, int *begin, int *end) {
    const struct shape_params *params = call->params;
    const int rank = call->inputs[0]->shape.rank;
    *begin = call->opset < 15 ? 0 : clamp_axis(params->start, rank);
    *end = call->opset < 15 ? rank : clamp_axis(params->end, rank);
    if (*end < *begin)
        *end = *begin;
}

static status infer_shape(struct op_call *call, struct error *err) {
    int begin, end;
    wanted_axes(call, &begin, &end);
    const struct shape shape = {.rank = 1, .dims = {end - begin}};
    return tensor_describe(call->outputs[0], DTYPE_INT64, &shape, err);
}

static status run_shape(struct op_call *call, struct error *err) {
    int begin, end;
    (void)err;
    wanted_axes(call, &begin, &end);
    if (end > begin)
        memcpy(call->outputs[0]->data, call->inputs[0]->shape.dims + begin, sizeof(int64_t) * (size_t)(end - begin));
    return STATUS_OK;
}

static status infer_size(struct op_call *call, struct error *err) {
    const struct shape scalar = {0};
    return tensor_describe(call->outputs[0], DTYPE_INT64, &scalar, err);
}

static status run_size(struct op_call *call, struct error *err) {
    (void)err;
    *(int64_t *)call->outputs[0]->data = tensor_elements(call->inputs[0]);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_nothing};

static const struct op_arg inputs[] = {{"data", TYPES_MOVED, ARG_T | ARG_UNREAD}, {0}};
static const struct op_arg outputs[] = {{"output", TYPE(DTYPE_INT64), ARG_T1}, {0}};

const struct op ops_shape[] = {{.name = "Shape",
                                .domain = "",
                                .since = 1,
                                .until = 14,
                                .inputs = inputs,
                                .outputs = outputs,
                                .infer = infer_shape,
                                .run = run_shape,
                                .facts = &facts},
                               {.name = "Shape",
                                .domain = "",
                                .since = 15,
                                .inputs = inputs,
                                .outputs = outputs,
                                .params_size = sizeof(struct shape_params),
                                .parse = parse_range,
                                .infer = infer_shape,
                                .run = run_shape,
                                .facts = &facts},
                               {.name = "Size",
                                .domain = "",
                                .since = 1,
                                .inputs = inputs,
                                .outputs = outputs,
                                .infer = infer_size,
                                .run = run_size,
                                .facts = &facts},
                               {.name = NULL}};
