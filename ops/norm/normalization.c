/* BatchNormalization (ONNX 7, 9, 14, 15) in inference mode and InstanceNormalization (ONNX 6, 22). */
#include "base/simd.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <math.h>
#include <string.h>

struct norm_params {
    float epsilon;
    bool per_element; /* BatchNormalization 7 with spatial = 0: statistics for every position of [C,...] */
};

/* ---- BatchNormalization ---- */

static status batch_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct norm_params *params = result;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    attribute_ignore(attributes, "momentum"); /* moves running statistics, in training alone */
    if (call->opset < 9)
        params->per_element = attribute_int(attributes, "spatial", 1) == 0;
    if (call->opset >= 14 && attribute_int(attributes, "training_mode", 0) != 0)
        return fail(err, STATUS_UNSUPPORTED,
                    "attribute \"training_mode\" is 1: limner runs networks, it does not train them");
    return STATUS_OK;
}

/* Shape of scale, B, mean and var: [C], or [C,...] of X. */
static struct shape statistics_shape(const struct op_call *call) {
    const struct norm_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    struct shape shape = {1, {x->rank > 1 ? x->dims[1] : 1}};
    if (params->per_element && x->rank > 1) {
        shape.rank = x->rank - 1;
        memcpy(shape.dims, x->dims + 1, (size_t)shape.rank * sizeof *shape.dims);
    }
    return shape;
}

static status check_statistics(const struct op_call *call, const struct shape *expected, int inputs,
                               struct error *err) {
    for (int i = 1; i < inputs; i++)
        if (!shape_equal(&call->inputs[i]->shape, expected)) {
            char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], c[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
            return fail(err, STATUS_SHAPE, "%s is %s, expected %s for input 0 (X) %s", op_input_text(call, i, name),
                        shape_text(&call->inputs[i]->shape, a), shape_text(expected, b),
                        shape_text(&call->inputs[0]->shape, c));
        }
    return STATUS_OK;
}

static status batch_infer(struct op_call *call, struct error *err) {
    if (call->inputs[0]->shape.rank < 1)
        return fail(err, STATUS_SHAPE, "input 0 (X) is a scalar, expected [N,C,...]");
    const struct shape expected = statistics_shape(call);
    const status code = check_statistics(call, &expected, 5, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], DTYPE_FLOAT, &call->inputs[0]->shape, err) : code;
}

/* y = (x - center) * factor + offset. Taking the centre off first keeps the digits of data far from zero. */
struct norm_affine {
    float center, factor, offset;
};

/* From statistics in double precision; what rounding takes from the centre goes to the offset. */
static struct norm_affine affine_from(double mean, double variance, float epsilon, float scale, float bias) {
    const float center = (float)mean;
    const double factor = scale / sqrt(variance + epsilon);
    return (struct norm_affine){center, (float)factor, (float)(bias + (center - mean) * factor)};
}

static struct norm_affine batch_affine(const struct op_call *call, int64_t i) {
    const struct norm_params *params = call->params;
    const float *scale = call->inputs[1]->data, *bias = call->inputs[2]->data;
    const float *mean = call->inputs[3]->data, *variance = call->inputs[4]->data;
    return affine_from(mean[i], variance[i], params->epsilon, scale[i], bias[i]);
}

static void apply_affine(const struct norm_affine *affine, const float *x, float *y, int64_t count) {
    const struct norm_affine a = *affine;
    SIMD for (int64_t i = 0; i < count; i++) y[i] = (x[i] - a.center) * a.factor + a.offset;
}

/* Planes of as many elements: one of a channel of a picture each. */
struct planes {
    const struct op_call *call;
    int64_t channels, plane;
};

#define TEAM_ELEMENTS 16384

static void run_planes(const struct op_call *call, int64_t batch, int64_t channels, team_range_body *body) {
    const int64_t elements = tensor_elements(call->inputs[0]);
    if (elements == 0)
        return;
    struct planes planes = {call, channels, elements / (batch * channels)};
    team_for(elements > TEAM_ELEMENTS ? call->threads : 1, batch * channels, body, &planes);
}

static void apply_to_plane(const struct planes *planes, int64_t p, const struct norm_affine *affine) {
    const float *x = planes->call->inputs[0]->data;
    float *y = planes->call->outputs[0]->data;
    apply_affine(affine, x + p * planes->plane, y + p * planes->plane, planes->plane);
}

static void batch_planes(void *context, int64_t first, int64_t end) {
    const struct planes *planes = context;
    for (int64_t p = first; p < end; p++) {
        const struct norm_affine affine = batch_affine(planes->call, p % planes->channels);
        apply_to_plane(planes, p, &affine);
    }
}

static status batch_run(struct op_call *call, struct error *err) {
    (void)err;
    const struct shape statistics = statistics_shape(call), *x = &call->inputs[0]->shape;
    run_planes(call, x->rank > 1 ? x->dims[0] : shape_elements(x), shape_elements(&statistics), batch_planes);
    return STATUS_OK;
}

static const float *channel_numbers(const struct op_call *call, int i, int64_t channels) {
    const struct tensor *tensor = op_input(call, i);
    return tensor && tensor->constant && tensor->dtype == DTYPE_FLOAT && tensor->shape.rank == 1 &&
                   tensor->shape.dims[0] == channels
               ? tensor->data
               : NULL;
}

/* False when the statistics are not constant, not for that many channels, or give no finite numbers. */
static bool batch_is_affine(const struct op_call *call, int64_t channels, double *scales, double *shifts) {
    const struct norm_params *params = call->params;
    const float *scale = channel_numbers(call, 1, channels), *bias = channel_numbers(call, 2, channels);
    const float *mean = channel_numbers(call, 3, channels), *variance = channel_numbers(call, 4, channels);
    if (params->per_element || !scale || !bias || !mean || !variance)
        return false;
    for (int64_t i = 0; i < channels; i++) {
        scales[i] = scale[i] / sqrt(variance[i] + (double)params->epsilon);
        shifts[i] = bias[i] - mean[i] * scales[i];
        if (!isfinite(scales[i]) || !isfinite(shifts[i]))
            return false;
    }
    return true;
}

static const struct op_facts batch_facts = {.affine = batch_is_affine};

/* ---- InstanceNormalization ---- */

static status instance_parse(const struct op_call *call, struct attributes *attributes, void *result,
                             struct error *err) {
    struct norm_params *params = result;
    (void)call;
    (void)err;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    return STATUS_OK;
}

static status instance_infer(struct op_call *call, struct error *err) {
    if (call->inputs[0]->shape.rank < 3) {
        char text[SHAPE_TEXT_BYTES];
        return fail(err, STATUS_SHAPE, "input 0 (input) is %s, expected [N,C,...]",
                    shape_text(&call->inputs[0]->shape, text));
    }
    const struct shape expected = {1, {call->inputs[0]->shape.dims[1]}};
    const status code = check_statistics(call, &expected, 3, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], DTYPE_FLOAT, &call->inputs[0]->shape, err) : code;
}

/* Sums are added up in so many lanes: element i in lane i % LANES, and what is left over in the first. */
#define LANES 4

static double add_lanes(const double lanes[LANES]) {
    return lanes[0] + lanes[1] + lanes[2] + lanes[3];
}

static double mean_of(const float *x, int64_t count) {
    double lanes[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] += x[i + lane];
    for (; i < count; i++)
        lanes[0] += x[i];
    return add_lanes(lanes) / (double)count;
}

static double squares_from(double mean, const float *x, int64_t count) {
    double lanes[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            lanes[lane] += (x[i + lane] - mean) * (x[i + lane] - mean);
    for (; i < count; i++)
        lanes[0] += (x[i] - mean) * (x[i] - mean);
    return add_lanes(lanes);
}

/* Two passes, both in double precision: the mean, then the mean of squared distances from it. */
static struct norm_affine instance_affine(const float *x, int64_t count, float scale, float bias, float epsilon) {
    const double mean = mean_of(x, count);
    return affine_from(mean, squares_from(mean, x, count) / (double)count, epsilon, scale, bias);
}

static void instance_planes(void *context, int64_t first, int64_t end) {
    const struct planes *planes = context;
    const struct norm_params *params = planes->call->params;
    const float *x = planes->call->inputs[0]->data;
    const float *scale = planes->call->inputs[1]->data, *bias = planes->call->inputs[2]->data;
    for (int64_t p = first; p < end; p++) {
        const int64_t channel = p % planes->channels;
        const struct norm_affine affine =
            instance_affine(x + p * planes->plane, planes->plane, scale[channel], bias[channel], params->epsilon);
        apply_to_plane(planes, p, &affine);
    }
}

static status instance_run(struct op_call *call, struct error *err) {
    (void)err;
    const struct shape *x = &call->inputs[0]->shape;
    run_planes(call, x->dims[0], x->dims[1], instance_planes);
    return STATUS_OK;
}

static bool instance_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    (void)call;
    *blocking = (struct op_blocking){"BlockedInstanceNormalization", .in = channels[0], .out = channels[0]};
    return channels[0] > 0;
}

static const struct op_facts instance_facts = {.blocks = instance_blocks, .reach = op_reach_whole};

static const struct op_arg batch_inputs[] = {{"X", TYPES_FLOAT, ARG_T},          {"scale", TYPES_FLOAT, ARG_T1},
                                             {"B", TYPES_FLOAT, ARG_T1},         {"input_mean", TYPES_FLOAT, ARG_T2},
                                             {"input_var", TYPES_FLOAT, ARG_T2}, {NULL, 0, 0}};
static const struct op_arg instance_inputs[] = {
    {"input", TYPES_FLOAT, ARG_T}, {"scale", TYPES_FLOAT, ARG_T1}, {"B", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};

const struct op ops_normalization[] = {
    {.name = "BatchNormalization",
     .domain = "",
     .since = 7,
     .inputs = batch_inputs,
     .outputs = outputs,
     .storage = STORAGE_IN_PLACE,
     .params_size = sizeof(struct norm_params),
     .parse = batch_parse,
     .infer = batch_infer,
     .run = batch_run,
     .facts = &batch_facts},
    {.name = "InstanceNormalization",
     .domain = "",
     .since = 6,
     .inputs = instance_inputs,
     .outputs = outputs,
     .storage = STORAGE_IN_PLACE,
     .params_size = sizeof(struct norm_params),
     .parse = instance_parse,
     .infer = instance_infer,
     .run = instance_run,
     .facts = &instance_facts},
    {0},
};
