/*
 * LayerNormalization (ONNX 17), RMSNormalization (ONNX 23) and onnxruntime's SimplifiedLayerNormalization, which is the
 * latter with another output: the dimensions from the axis on are a group.
 */
#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/core/broadcast.h"
#include "ops/core/op_facts.h"
#include "ops/norm/norm_engine.h"
#include "ops/norm/norm_types.h"

#include <math.h>

struct layer_row {
    bool centered;
    int mean, inverse; /* outputs; 0: there is none */
};

struct layer_params {
    float epsilon;
    int64_t axis;
    enum dtype stash; /* of mean and inverse */
};

static status layer_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct layer_params *params = result;
    (void)call;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    params->axis = attribute_int(attributes, "axis", -1);
    const int64_t stash = attribute_int(attributes, "stash_type", DTYPE_FLOAT);
    params->stash = (enum dtype)stash;
    if (stash != DTYPE_FLOAT && stash != DTYPE_BFLOAT16)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"stash_type\" is %lld, expected 1 (float) or 16 (bfloat16)",
                    (long long)stash);
    return STATUS_OK;
}

static enum dtype layer_stash(const struct op_call *call, int output) {
    (void)output;
    return ((const struct layer_params *)call->params)->stash;
}

static status check_broadcast(const struct op_call *call, int i, struct error *err) {
    const struct tensor *input = op_input(call, i);
    char name[ARG_TEXT_BYTES], a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (!input || broadcast_fits(&input->shape, &call->inputs[0]->shape))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, which does not broadcast to input 0 (X) %s", op_input_text(call, i, name),
                shape_text(&input->shape, a), shape_text(&call->inputs[0]->shape, b));
}

/* 1 in the place of the dimensions of a group. */
static status describe_statistic(const struct op_call *call, int output, int axis, struct error *err) {
    struct shape shape = call->inputs[0]->shape;
    for (int d = axis; d < shape.rank; d++)
        shape.dims[d] = 1;
    return output > 0 && op_output(call, output)
               ? tensor_describe(call->outputs[output], layer_stash(call, output), &shape, err)
               : STATUS_OK;
}

/* A scalar is a group of one number. */
static status layer_axis(const struct op_call *call, int *axis, struct error *err) {
    const int rank = call->inputs[0]->shape.rank;
    return op_axis(((const struct layer_params *)call->params)->axis, rank ? rank : 1, axis, "axis", err);
}

static status layer_infer(struct op_call *call, struct error *err) {
    const struct layer_row *row = call->op->row;
    const struct tensor *x = call->inputs[0];
    int axis = 0;
    status code = norm_same_type(call, 1, 2, err);
    if (code == STATUS_OK)
        code = layer_axis(call, &axis, err);
    for (int i = 1; i < 3 && code == STATUS_OK; i++)
        code = check_broadcast(call, i, err);
    if (code == STATUS_OK && op_output(call, 0))
        code = tensor_describe(call->outputs[0], x->dtype, &x->shape, err);
    if (code == STATUS_OK)
        code = describe_statistic(call, row->mean, axis, err);
    return code == STATUS_OK ? describe_statistic(call, row->inverse, axis, err) : code;
}

static struct norm_layout layer_layout(const struct op_call *call, int axis) {
    struct norm_layout layout = norm_layout_of(&call->inputs[0]->shape, call->inputs[0]->shape.rank - axis);
    norm_layout_broadcast(&layout, NORM_SCALE, &call->inputs[1]->shape);
    if (op_input(call, 2))
        norm_layout_broadcast(&layout, NORM_BIAS, &call->inputs[2]->shape);
    return layout;
}

static status layer_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    int axis;
    const status code = layer_axis(call, &axis, err);
    if (code != STATUS_OK)
        return code;
    const struct norm_layout layout = layer_layout(call, axis);
    *workspace_bytes = norm_workspace_bytes(&layout);
    return STATUS_OK;
}

/* Writes a number of an output that may not be wanted. */
static void put(const struct op_call *call, int output, int64_t i, double value) {
    const struct tensor *tensor = output > 0 ? op_output(call, output) : NULL;
    if (tensor && tensor->dtype == DTYPE_FLOAT)
        ((float *)tensor->data)[i] = (float)value;
    else if (tensor)
        half_from_double(tensor->dtype, &value, (uint16_t *)tensor->data + i, 1);
}

static void layer_found(const struct norm_job *job, int64_t group, const struct norm_moments *moments, double inverse) {
    const struct op_call *call = job->context;
    const struct layer_row *row = call->op->row;
    put(call, row->mean, group, moments->mean);
    put(call, row->inverse, group, inverse);
}

static bool has_statistics(const struct op_call *call) {
    const struct layer_row *row = call->op->row;
    return (row->mean && op_output(call, row->mean)) || (row->inverse && op_output(call, row->inverse));
}

/* Groups of no numbers have no mean. */
static void fill_empty(const struct op_call *call) {
    const struct layer_row *row = call->op->row;
    const struct tensor *statistic = op_output(call, row->inverse);
    for (int64_t i = 0; statistic && row->inverse && i < tensor_elements(statistic); i++) {
        put(call, row->mean, i, NAN);
        put(call, row->inverse, i, NAN);
    }
}

static status layer_run(struct op_call *call, struct error *err) {
    const struct layer_params *params = call->params;
    const struct tensor *x = call->inputs[0], *bias = op_input(call, 2), *y = op_output(call, 0);
    int axis;
    const status code = layer_axis(call, &axis, err);
    if (code != STATUS_OK)
        return code;
    if (x->bytes == 0)
        fill_empty(call);
    norm_run(call, &(struct norm_job){.layout = layer_layout(call, axis),
                                      .dtype = x->dtype,
                                      .centered = ((const struct layer_row *)call->op->row)->centered,
                                      .inverse = INVERSE_VARIANCE,
                                      .epsilon = params->epsilon,
                                      .x = x->data,
                                      .scale = call->inputs[1]->data,
                                      .bias = bias ? bias->data : NULL,
                                      .y = y ? y->data : NULL,
                                      .found = has_statistics(call) ? layer_found : NULL,
                                      .context = call});
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_whole};

#define TYPES_STASH (TYPES_FLOAT | TYPE(DTYPE_BFLOAT16))
static const struct op_arg layer_inputs[] = {
    {"X", TYPES_NORM, ARG_T}, {"Scale", TYPES_NORM, ARG_T}, {"B", TYPES_NORM, ARG_T | ARG_OPTIONAL}, {0}};
static const struct op_arg layer_outputs[] = {{"Y", TYPES_NORM, ARG_T},
                                              {"Mean", TYPES_STASH, ARG_T1 | ARG_OPTIONAL},
                                              {"InvStdDev", TYPES_STASH, ARG_T1 | ARG_OPTIONAL},
                                              {0}};
static const struct op_arg rms_inputs[] = {{"X", TYPES_NORM, ARG_T}, {"scale", TYPES_NORM, ARG_T1}, {0}};
static const struct op_arg rms_outputs[] = {{"Y", TYPES_NORM, ARG_T1}, {0}};
static const struct op_arg simplified_outputs[] = {
    {"Y", TYPES_NORM, ARG_T1}, {"inv_std_var", TYPES_STASH, ARG_T2 | ARG_OPTIONAL}, {0}};

static const struct layer_row layer_row = {true, 1, 2}, rms_row = {false, 0, 0}, simplified_row = {false, 0, 1};

#define LAYER(NAME, DOMAIN, SINCE, INPUTS, OUTPUTS, ROW)                                                               \
    {                                                                                                                  \
        .name = NAME, .domain = DOMAIN, .since = SINCE, .inputs = INPUTS, .outputs = OUTPUTS,                          \
        .storage = STORAGE_IN_PLACE, .params_size = sizeof(struct layer_params), .parse = layer_parse,                 \
        .infer = layer_infer, .output_type = layer_stash, .prepare = layer_prepare, .run = layer_run, .facts = &facts, \
        .row = &(ROW)                                                                                                  \
    }

/* onnxruntime writes the two that are not ONNX's into ONNX's own domain and into its own. */
const struct op ops_layer_norm[] = {
    LAYER("LayerNormalization", "", 1, layer_inputs, layer_outputs, layer_row),
    LAYER("RMSNormalization", "", 23, rms_inputs, rms_outputs, rms_row),
    LAYER("SimplifiedLayerNormalization", "", 1, rms_inputs, simplified_outputs, simplified_row),
    LAYER("SimplifiedLayerNormalization", "com.microsoft", 1, rms_inputs, simplified_outputs, simplified_row),
    LAYER("LayerNormalization", "com.microsoft", 1, layer_inputs, layer_outputs, layer_row),
    {0},
};
