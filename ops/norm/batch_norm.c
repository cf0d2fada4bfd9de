/*
 * BatchNormalization (ONNX 1, 6, 7, 9, 14, 15): with given statistics, or, in training mode, with those of the batch,
 * which then move the running ones. Before opset 14 it is in training mode where more than one output is wanted.
 */
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/families.h"
#include "ops/kernels/rows.h"
#include "ops/norm/norm_engine.h"
#include "ops/norm/norm_types.h"

#include <math.h>
#include <string.h>

enum batch_input { BATCH_X, BATCH_SCALE, BATCH_BIAS, BATCH_MEAN, BATCH_VARIANCE, BATCH_INPUTS };
/* Outputs 3 and 4 are the batch's own statistics, until opset 13. */
enum batch_output { OUT_Y, OUT_MEAN, OUT_VARIANCE, OUT_SAVED_MEAN, OUT_SAVED_VARIANCE, BATCH_OUTPUTS };

struct batch_params {
    float epsilon, momentum;
    bool per_element; /* until opset 8 with spatial = 0: statistics for every position of [C,...] */
    bool training;
};

static bool wants_statistics(const struct node *node) {
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return true;
    return false;
}

static status batch_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct batch_params *params = result;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    params->momentum = attribute_float(attributes, "momentum", 0.9f);
    if (call->opset < 9)
        params->per_element = attribute_int(attributes, "spatial", 1) == 0;
    if (call->opset < 7) {
        attribute_ignore(attributes, "consumed_inputs");
        params->training = attribute_int(attributes, "is_test", 0) == 0 && wants_statistics(call->node);
    } else if (call->opset < 14) {
        params->training = wants_statistics(call->node);
    } else {
        params->training = attribute_int(attributes, "training_mode", 0) != 0;
        if (!params->training && wants_statistics(call->node))
            return fail(err, STATUS_INVALID_MODEL,
                        "attribute \"training_mode\" is 0, where there is no output but the first one");
    }
    return STATUS_OK;
}

/* Shape of scale, B, mean and var: [C], or [C,...] of X. */
static struct shape statistics_shape(const struct op_call *call) {
    const struct batch_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    struct shape shape = {1, {x->rank > 1 ? x->dims[1] : 1}};
    if (params->per_element && x->rank > 1) {
        shape.rank = x->rank - 1;
        memcpy(shape.dims, x->dims + 1, (size_t)shape.rank * sizeof *shape.dims);
    }
    return shape;
}

static status check_statistics(const struct op_call *call, const struct shape *expected, struct error *err) {
    for (int i = BATCH_SCALE; i < BATCH_INPUTS; i++)
        if (!shape_equal(&call->inputs[i]->shape, expected)) {
            char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], c[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
            return fail(err, STATUS_SHAPE, "%s is %s, expected %s for input 0 (X) %s", op_input_text(call, i, name),
                        shape_text(&call->inputs[i]->shape, a), shape_text(expected, b),
                        shape_text(&call->inputs[0]->shape, c));
        }
    return STATUS_OK;
}

static status batch_infer(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    if (x->shape.rank < 1)
        return fail(err, STATUS_SHAPE, "input 0 (X) is a scalar, expected [N,C,...]");
    const struct shape expected = statistics_shape(call);
    status code = norm_same_type(call, BATCH_SCALE, BATCH_VARIANCE, err);
    if (code == STATUS_OK)
        code = check_statistics(call, &expected, err);
    if (code == STATUS_OK && op_output(call, OUT_Y))
        code = tensor_describe(call->outputs[OUT_Y], x->dtype, &x->shape, err);
    for (int i = OUT_MEAN; i < call->output_count && code == STATUS_OK; i++)
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], x->dtype, &expected, err);
    return code;
}

/* [N, channels, plane] */
static struct norm_layout batch_layout(const struct op_call *call) {
    const struct shape statistics = statistics_shape(call), *x = &call->inputs[0]->shape;
    struct norm_layout layout = {.dims = {.rank = 3, .size = {1, shape_elements(&statistics), 1}},
                                 .reduced = {true, false, true}};
    layout.dims.size[0] = x->dims[0];
    layout.dims.strides[1][NORM_SCALE] = layout.dims.strides[1][NORM_BIAS] = 1;
    for (int d = 2; d < x->rank && statistics.rank == 1; d++)
        layout.dims.size[2] *= x->dims[d];
    return layout;
}

static status batch_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct norm_layout layout = batch_layout(call);
    (void)err;
    if (((const struct batch_params *)call->params)->training)
        *workspace_bytes = norm_workspace_bytes(&layout);
    return STATUS_OK;
}

static double number(const struct tensor *tensor, int64_t i) {
    return tensor->dtype == DTYPE_DOUBLE ? ((const double *)tensor->data)[i] : (double)((const float *)tensor->data)[i];
}

/* ---- with given statistics ---- */

/* y = (x - center) * factor + offset. Taking the centre off first keeps the digits of data far from zero. */
struct batch_affine {
    double center, factor, offset;
};

static struct batch_affine affine_of(const struct op_call *call, int64_t i) {
    const struct batch_params *params = call->params;
    return (struct batch_affine){number(call->inputs[BATCH_MEAN], i),
                                 number(call->inputs[BATCH_SCALE], i) /
                                     sqrt(number(call->inputs[BATCH_VARIANCE], i) + (double)params->epsilon),
                                 number(call->inputs[BATCH_BIAS], i)};
}

static void apply_float(const struct op_call *call, const struct batch_affine *a, int64_t at, int64_t count) {
    const float center = (float)a->center; /* what rounding takes from it goes to the offset */
    row_kernel_of(call->kernels)
        ->affine((const float *)call->inputs[0]->data + at, (float *)call->outputs[0]->data + at, (size_t)count, center,
                 (float)a->factor, (float)(a->offset + (center - a->center) * a->factor));
}

static void apply_double(const struct op_call *call, const struct batch_affine *a, int64_t at, int64_t count) {
    const double *x = (const double *)call->inputs[0]->data + at;
    double *y = (double *)call->outputs[0]->data + at;
    for (int64_t i = 0; i < count; i++)
        y[i] = (x[i] - a->center) * a->factor + a->offset;
}

static void apply_planes(void *context, int64_t first, int64_t end) {
    const struct op_call *call = context;
    const struct norm_layout layout = batch_layout(call);
    for (int64_t p = first; p < end; p++) {
        const struct batch_affine affine = affine_of(call, p % layout.dims.size[1]);
        (call->inputs[0]->dtype == DTYPE_DOUBLE ? apply_double : apply_float)(call, &affine, p * layout.dims.size[2],
                                                                              layout.dims.size[2]);
    }
}

/* ---- with the batch's ---- */

static void put(struct tensor *tensor, int64_t i, double value) {
    if (tensor && tensor->dtype == DTYPE_DOUBLE)
        ((double *)tensor->data)[i] = value;
    else if (tensor)
        ((float *)tensor->data)[i] = (float)value;
}

static void batch_found(const struct norm_job *job, int64_t i, const struct norm_moments *moments, double inverse) {
    const struct op_call *call = job->context;
    const double momentum = ((const struct batch_params *)call->params)->momentum;
    const double variance = moments->squares / (double)moments->count;
    (void)inverse;
    put(op_output(call, OUT_MEAN), i, number(call->inputs[BATCH_MEAN], i) * momentum + moments->mean * (1 - momentum));
    put(op_output(call, OUT_VARIANCE), i,
        number(call->inputs[BATCH_VARIANCE], i) * momentum + variance * (1 - momentum));
    put(op_output(call, OUT_SAVED_MEAN), i, moments->mean);
    put(op_output(call, OUT_SAVED_VARIANCE), i, variance);
}

static void run_training(const struct op_call *call) {
    const struct tensor *x = call->inputs[0], *y = op_output(call, OUT_Y);
    norm_run(call, &(struct norm_job){.layout = batch_layout(call),
                                      .dtype = x->dtype,
                                      .centered = true,
                                      .inverse = INVERSE_VARIANCE,
                                      .epsilon = ((const struct batch_params *)call->params)->epsilon,
                                      .x = x->data,
                                      .scale = call->inputs[BATCH_SCALE]->data,
                                      .bias = call->inputs[BATCH_BIAS]->data,
                                      .y = y ? y->data : NULL,
                                      .found = batch_found,
                                      .context = call});
}

/* A batch of nothing moves no statistics. */
static void keep_statistics(const struct op_call *call) {
    for (int i = OUT_MEAN; i < call->output_count; i++)
        for (int64_t j = 0; call->outputs[i] && j < tensor_elements(call->outputs[i]); j++)
            put(call->outputs[i], j, number(call->inputs[i % 2 ? BATCH_MEAN : BATCH_VARIANCE], j));
}

#define TEAM_ELEMENTS 16384

static status batch_run(struct op_call *call, struct error *err) {
    const struct norm_layout layout = batch_layout(call);
    const int64_t elements = tensor_elements(call->inputs[0]);
    (void)err;
    if (((const struct batch_params *)call->params)->training)
        (elements > 0 ? run_training : keep_statistics)(call);
    else if (elements > 0)
        team_for(elements > TEAM_ELEMENTS ? call->threads : 1, layout.dims.size[0] * layout.dims.size[1], apply_planes,
                 call);
    return STATUS_OK;
}

/* ---- facts ---- */

static const float *channel_numbers(const struct op_call *call, int i, int64_t channels) {
    const struct tensor *tensor = op_input(call, i);
    return tensor && tensor->constant && tensor->dtype == DTYPE_FLOAT && tensor->shape.rank == 1 &&
                   tensor->shape.dims[0] == channels
               ? tensor->data
               : NULL;
}

/* False when the statistics are not constant, not for that many channels, or give no finite numbers. */
static bool batch_is_affine(const struct op_call *call, int64_t channels, double *scales, double *shifts) {
    const struct batch_params *params = call->params;
    const float *scale = channel_numbers(call, 1, channels), *bias = channel_numbers(call, 2, channels);
    const float *mean = channel_numbers(call, 3, channels), *variance = channel_numbers(call, 4, channels);
    if (params->per_element || params->training || !scale || !bias || !mean || !variance)
        return false;
    for (int64_t i = 0; i < channels; i++) {
        scales[i] = scale[i] / sqrt(variance[i] + (double)params->epsilon);
        shifts[i] = bias[i] - mean[i] * scales[i];
        if (!isfinite(scales[i]) || !isfinite(shifts[i]))
            return false;
    }
    return true;
}

static void batch_reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    if (((const struct batch_params *)call->params)->training)
        op_reach_whole(call, sees, reach);
    else
        op_reach_beside(NULL, NULL, 0, reach);
}

static const struct op_facts batch_facts = {.affine = batch_is_affine, .reach = batch_reach};

static const struct op_arg inputs_1[] = {{"X", TYPES_NORM, ARG_T},   {"scale", TYPES_NORM, ARG_T},
                                         {"B", TYPES_NORM, ARG_T},   {"mean", TYPES_NORM, ARG_T},
                                         {"var", TYPES_NORM, ARG_T}, {0}};
static const struct op_arg outputs_1[] = {{"Y", TYPES_NORM, ARG_T},
                                          {"mean", TYPES_NORM, ARG_T | ARG_OPTIONAL},
                                          {"var", TYPES_NORM, ARG_T | ARG_OPTIONAL},
                                          {"saved_mean", TYPES_NORM, ARG_T | ARG_OPTIONAL},
                                          {"saved_var", TYPES_NORM, ARG_T | ARG_OPTIONAL},
                                          {0}};
static const struct op_arg inputs_14[] = {{"X", TYPES_NORM, ARG_T},          {"scale", TYPES_NORM, ARG_T1},
                                          {"B", TYPES_NORM, ARG_T1},         {"input_mean", TYPES_NORM, ARG_T2},
                                          {"input_var", TYPES_NORM, ARG_T2}, {0}};
static const struct op_arg outputs_14[] = {{"Y", TYPES_NORM, ARG_T},
                                           {"running_mean", TYPES_NORM, ARG_T2 | ARG_OPTIONAL},
                                           {"running_var", TYPES_NORM, ARG_T2 | ARG_OPTIONAL},
                                           {0}};

#define BATCH(SINCE, UNTIL, INPUTS, OUTPUTS)                                                                          \
    {                                                                                                                 \
        .name = "BatchNormalization", .domain = "", .since = SINCE, .until = UNTIL, .inputs = INPUTS,                 \
        .outputs = OUTPUTS, .storage = STORAGE_IN_PLACE, .params_size = sizeof(struct batch_params),                  \
        .parse = batch_parse, .infer = batch_infer, .prepare = batch_prepare, .run = batch_run, .facts = &batch_facts \
    }

const struct op ops_batch_norm[] = {
    BATCH(1, 13, inputs_1, outputs_1),
    BATCH(14, 0, inputs_14, outputs_14),
    {0},
};
