/* InstanceNormalization (ONNX 6, 22) on channel blocks, with the activation and the addition behind it. */
#include "ops/blocked.h"

#include <math.h>

#define LANES CHANNEL_BLOCK
#define AHEAD 128        /* pixels that are asked for before their turn: rows may come from another processor's cache */
#define NEAR_PIXELS 4096 /* of a channel block that stays in a small cache between its two passes, beside another */

struct params {
    float epsilon;
    struct activation activation;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct params *params = result;
    (void)call;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    return activation_parse(attributes, &params->activation, err);
}

static status infer(struct op_call *call, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape;
    const struct tensor *added = op_input(call, 3);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (x->rank != 5 || x->dims[4] != LANES)
        return fail(err, STATUS_SHAPE, "input 0 is %s, expected channel blocks", shape_text(x, a));
    for (int i = 1; i < 3; i++) {
        const struct shape *list = &call->inputs[i]->shape;
        if (list->rank != 1 || channel_blocks(list->dims[0]) != x->dims[1])
            return fail(err, STATUS_SHAPE, "input %d is %s, it does not fit input 0 %s in blocks of %d channels", i,
                        shape_text(list, a), shape_text(x, b), LANES);
    }
    if (added && !shape_equal(&added->shape, x))
        return fail(err, STATUS_SHAPE, "input 3 is %s, expected %s as input 0", shape_text(&added->shape, a),
                    shape_text(x, b));
    return tensor_describe(call->outputs[0], DTYPE_FLOAT, x, err);
}

/*
 * From the sums of distances from the first pixel, a point of the data itself, so that their squares keep their digits.
 * A lane beyond the channels becomes 0.
 */
static void close_affine(const struct op_call *call, int64_t channel0, int64_t count, const float *first,
                         const double *sum, const double *squares, struct block_affine *affine) {
    const struct params *params = call->params;
    const float *scale = call->inputs[1]->data, *bias = call->inputs[2]->data;
    const int64_t channels = call->inputs[1]->shape.dims[0];
    for (int64_t lane = 0; lane < LANES; lane++) {
        const double distance = sum[lane] / (double)count, mean = first[lane] + distance;
        const double variance = squares[lane] / (double)count - distance * distance;
        const bool real = channel0 + lane < channels;
        const double factor =
            real ? scale[channel0 + lane] / sqrt((variance > 0 ? variance : variance * 0) + params->epsilon) : 0;
        affine->center[lane] = (float)mean;
        affine->factor[lane] = (float)factor;
        /* What rounding takes from the centre goes to the offset. */
        affine->offset[lane] = (float)((real ? bias[channel0 + lane] : 0) + (affine->center[lane] - mean) * factor);
    }
}

static void normalize(const struct op_call *call, int64_t channel0, const float *x, const float *added, float *y,
                      int64_t count) {
    const struct params *params = call->params;
    const struct block_kernel *kernel = call->kernels->block;
    double sum[LANES], squares[LANES];
    struct block_affine affine;
    enum block_finish kind;
    const float *ahead = added && count <= NEAR_PIXELS ? added : x + AHEAD * LANES;
    kernel->moments(x, count, x, ahead, sum, squares);
    close_affine(call, channel0, count, x, sum, squares, &affine);
    const bool known = blocked_finish_kind(&params->activation, &kind);
    kernel->scale(kind, params->activation.alpha, params->activation.beta, &affine, x, added, y, count);
    if (!known)
        activation_run(call->kernels, &params->activation, y, (size_t)(count * LANES));
}

static status run(struct op_call *call, struct error *err) {
    (void)err;
    const struct shape *shape = &call->inputs[0]->shape;
    const struct tensor *added = op_input(call, 3);
    const int64_t blocks = shape->dims[1], count = shape->dims[2] * shape->dims[3], units = shape->dims[0] * blocks;
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    const float *x = call->inputs[0]->data, *z = added ? added->data : NULL;
    float *y = call->outputs[0]->data;
#pragma omp parallel for schedule(static) num_threads(call->threads) if (call->threads > 1)
    for (int64_t unit = 0; unit < units; unit++) {
        const int64_t at = unit * count * LANES;
        normalize(call, unit % blocks * LANES, x + at, z ? z + at : NULL, y + at, count);
    }
    return STATUS_OK;
}

static const struct op_arg inputs[] = {{"input", TYPES_FLOAT, 0},
                                       {"scale", TYPES_FLOAT, 0},
                                       {"B", TYPES_FLOAT, 0},
                                       {"added", TYPES_FLOAT, ARG_OPTIONAL},
                                       {NULL, 0, 0}};
static const struct op_arg outputs[] = {{"Y", TYPES_FLOAT, 0}, {NULL, 0, 0}};

const struct op ops_blocked_norm[] = {{.name = "BlockedInstanceNormalization",
                                       .domain = "limner",
                                       .since = 1,
                                       .inputs = inputs,
                                       .outputs = outputs,
                                       .storage = STORAGE_IN_PLACE,
                                       .params_size = sizeof(struct params),
                                       .parse = parse,
                                       .infer = infer,
                                       .run = run},
                                      {0}};
