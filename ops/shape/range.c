/* Range: start, start + delta, ... up to, but without, limit. */
#include "base/convert.h"
#include "ops/core/attributes.h"
#include "ops/movement/movement.h"

#include <math.h>

static status parse_stash(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call;
    (void)params;
    /* Computing in float is what limner does for the 16-bit types, and the only type that the specification names. */
    const int64_t type = attribute_int(attributes, "stash_type", DTYPE_FLOAT);
    if (type != DTYPE_FLOAT)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"stash_type\" is %lld, expected 1 (float)", (long long)type);
    return STATUS_OK;
}

static int64_t integer_at(const struct tensor *tensor) {
    switch (tensor->dtype) {
    case DTYPE_INT16:
        return *(const int16_t *)tensor->data;
    case DTYPE_INT32:
        return *(const int32_t *)tensor->data;
    default:
        return *(const int64_t *)tensor->data;
    }
}

static float float_at(const struct tensor *tensor) {
    float value;
    if (tensor->dtype == DTYPE_FLOAT)
        return *(const float *)tensor->data;
    half_to_float(tensor->dtype, tensor->data, &value, 1);
    return value;
}

static bool is_integer(enum dtype dtype) {
    return TYPES_INTEGER >> dtype & 1;
}

/* How many numbers; -1 where the question makes no sense. */
static int64_t count_real(const struct tensor *const *inputs) {
    double span, delta;
    if (inputs[0]->dtype == DTYPE_DOUBLE) {
        span = *(const double *)inputs[1]->data - *(const double *)inputs[0]->data;
        delta = *(const double *)inputs[2]->data;
    } else {
        span = float_at(inputs[1]) - float_at(inputs[0]);
        delta = float_at(inputs[2]);
    }
    const double count = ceil(span / delta);
    if (delta == 0 || isnan(count) || count >= 9007199254740992.0)
        return -1;
    return count <= 0 ? 0 : (int64_t)count;
}

static int64_t count_integers(const struct tensor *const *inputs) {
    const int64_t start = integer_at(inputs[0]), limit = integer_at(inputs[1]), delta = integer_at(inputs[2]);
    if (delta == 0)
        return -1;
    if (delta > 0 ? start >= limit : start <= limit)
        return 0;
    const uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
    const uint64_t count = (span - 1) / (delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta) + 1;
    return count > INT64_MAX ? -1 : (int64_t)count;
}

static status infer(struct op_call *call, struct error *err) {
    static const char *const names[] = {"start", "limit", "delta"};
    const enum dtype dtype = call->inputs[0]->dtype;
    char text[SHAPE_TEXT_BYTES];
    for (int i = 0; i < 3; i++) {
        if (tensor_elements(call->inputs[i]) != 1)
            return fail(err, STATUS_SHAPE, "input %d (%s) has shape %s, expected a scalar", i, names[i],
                        shape_text(&call->inputs[i]->shape, text));
        if (op_unknown(call, i))
            return op_needs(call, i, err);
    }
    const int64_t count = is_integer(dtype) ? count_integers(call->inputs) : count_real(call->inputs);
    if (count < 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "start, limit and delta do not make a list");
    const struct shape shape = {.rank = 1, .dims = {count}};
    return tensor_describe(call->outputs[0], dtype, &shape, err);
}

#define FILL(type, expression)          \
    for (int64_t i = 0; i < count; i++) \
    ((type *)output->data)[i] = (type)(expression)

static status run(struct op_call *call, struct error *err) {
    const struct tensor *output = call->outputs[0];
    const int64_t count = output->shape.dims[0];
    (void)err;
    if (output->dtype == DTYPE_DOUBLE) {
        const double start = *(const double *)call->inputs[0]->data, delta = *(const double *)call->inputs[2]->data;
        FILL(double, start + (double)i * delta);
    } else if (is_integer(output->dtype)) {
        const uint64_t start = (uint64_t)integer_at(call->inputs[0]), delta = (uint64_t)integer_at(call->inputs[2]);
        if (output->dtype == DTYPE_INT16)
            FILL(int16_t, start + (uint64_t)i * delta);
        else if (output->dtype == DTYPE_INT32)
            FILL(int32_t, start + (uint64_t)i * delta);
        else
            FILL(int64_t, start + (uint64_t)i * delta);
    } else {
        const float start = float_at(call->inputs[0]), delta = float_at(call->inputs[2]);
        if (output->dtype == DTYPE_FLOAT)
            FILL(float, start + (float)i * delta);
        for (int64_t i = 0; output->dtype != DTYPE_FLOAT && i < count; i++) {
            const float value = start + (float)i * delta;
            half_from_float(output->dtype, &value, (uint16_t *)output->data + i, 1);
        }
    }
    return STATUS_OK;
}

#define TYPES_RANGE                                                                                 \
    (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_INT16) | TYPE(DTYPE_INT32) | TYPE(DTYPE_INT64) | \
     TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))

static const struct op_arg inputs[] = {
    {"start", TYPES_RANGE, ARG_T}, {"limit", TYPES_RANGE, ARG_T}, {"delta", TYPES_RANGE, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_RANGE, ARG_T}, {0}};

const struct op ops_range[] = {{.name = "Range",
                                .domain = "",
                                .since = 11,
                                .until = 26,
                                .inputs = inputs,
                                .outputs = outputs,
                                .infer = infer,
                                .run = run},
                               {.name = "Range",
                                .domain = "",
                                .since = 27,
                                .inputs = inputs,
                                .outputs = outputs,
                                .parse = parse_stash,
                                .infer = infer,
                                .run = run},
                               {.name = NULL}};
