/* Reshape, Flatten, Squeeze, Unsqueeze: the same elements under another shape. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

/* ---- Reshape ---- */

struct reshape_params {
    struct shape shape; /* the attribute of opsets before 5 */
    bool allow_zero;    /* a 0 in the shape means 0, not "as the input" */
};

static status parse_allow_zero(const struct op_call *call, struct attributes *attributes, void *out,
                               struct error *err) {
    struct reshape_params *params = out;
    (void)call;
    (void)err;
    params->allow_zero = attribute_int(attributes, "allowzero", 0) != 0;
    return STATUS_OK;
}

static status parse_shape(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct reshape_params *params = out;
    (void)call;
    attribute_ints(attributes, "shape", params->shape.dims, MAX_RANK, &params->shape.rank);
    return movement_require(attributes, "shape", err);
}

static status cannot_reshape(const struct op_call *call, const struct shape *wanted, const char *why,
                             struct error *err) {
    const struct tensor *input = call->inputs[0];
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "cannot reshape %s (%lld elements) to %s%s", shape_text(&input->shape, text),
                (long long)tensor_elements(input), shape_text(wanted, other), why);
}

/* The sizes that are asked for with 0 resolved; *free_axis is where -1 stands, or -1. */
static status resolve_zeros(const struct op_call *call, const struct shape *wanted, struct shape *shape, int *free_axis,
                            struct error *err) {
    const struct reshape_params *params = call->params;
    const struct shape *input = &call->inputs[0]->shape;
    const bool allow_zero = call->opset >= 14 && params->allow_zero;
    bool zero = false;
    *free_axis = -1;
    *shape = *wanted;
    for (int i = 0; i < wanted->rank; i++) {
        if (wanted->dims[i] < -1)
            return cannot_reshape(call, wanted, ": a size is negative", err);
        if (wanted->dims[i] == -1 && *free_axis >= 0)
            return cannot_reshape(call, wanted, ": only one size can be -1", err);
        if (wanted->dims[i] == -1)
            *free_axis = i;
        if (wanted->dims[i] == 0 && allow_zero)
            zero = true;
        if (wanted->dims[i] == 0 && !allow_zero) {
            if (i >= input->rank)
                return cannot_reshape(call, wanted, ": a 0 stands where the input has no axis to copy", err);
            shape->dims[i] = input->dims[i];
        }
    }
    if (zero && *free_axis >= 0)
        return cannot_reshape(call, wanted, ": -1 and 0 exclude each other where allowzero is 1", err);
    return STATUS_OK;
}

static status infer_reshape(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    const int64_t elements = tensor_elements(input);
    struct shape wanted = ((const struct reshape_params *)call->params)->shape, shape;
    int free_axis;
    status code = call->opset < 5 ? STATUS_OK : op_input_ints(call, 1, wanted.dims, MAX_RANK, &wanted.rank, err);
    if (code == STATUS_OK)
        code = resolve_zeros(call, &wanted, &shape, &free_axis, err);
    if (code != STATUS_OK)
        return code;
    if (free_axis >= 0) {
        shape.dims[free_axis] = 1;
        const int64_t others = shape_elements(&shape);
        if (others <= 0 || elements % others != 0)
            return cannot_reshape(call, &wanted, others == 0 ? ": -1 could be any size" : "", err);
        shape.dims[free_axis] = elements / others;
    }
    if (shape_elements(&shape) != elements)
        return cannot_reshape(call, &wanted, "", err);
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/* ---- Flatten ---- */

struct flatten_params {
    int64_t axis;
};

static status parse_flatten(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct flatten_params *params = out;
    (void)call;
    (void)err;
    params->axis = attribute_int(attributes, "axis", 1);
    return STATUS_OK;
}

static status infer_flatten(struct op_call *call, struct error *err) {
    const struct flatten_params *params = call->params;
    const struct tensor *input = call->inputs[0];
    const int rank = input->shape.rank;
    if (params->axis < -rank || params->axis > rank)
        return fail(err, STATUS_INVALID_MODEL, "axis is %lld, expected %d..%d for rank %d", (long long)params->axis,
                    -rank, rank, rank);
    const int axis = (int)(params->axis < 0 ? params->axis + rank : params->axis);
    struct shape shape = {.rank = 2, .dims = {1, 1}};
    for (int i = 0; i < rank; i++)
        if (!int64_mul(shape.dims[i >= axis], input->shape.dims[i], &shape.dims[i >= axis]))
            return fail(err, STATUS_LIMIT, "input 0 is too large");
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/* ---- Squeeze and Unsqueeze ---- */

struct axes_params {
    bool given;
    int count;
    int64_t axes[MAX_RANK];
};

static status parse_squeeze(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct axes_params *params = out;
    (void)call;
    (void)err;
    params->given = attribute_has(attributes, "axes");
    attribute_ints(attributes, "axes", params->axes, MAX_RANK, &params->count);
    return STATUS_OK;
}

static status parse_unsqueeze(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    parse_squeeze(call, attributes, out, err);
    return movement_require(attributes, "axes", err);
}

/* The axes as the model gives them: an attribute before opset 13, then input 1. */
static status read_axes(const struct op_call *call, struct axes_params *axes, struct error *err) {
    if (call->opset < 13) {
        *axes = *(const struct axes_params *)call->params;
        return STATUS_OK;
    }
    axes->given = op_input(call, 1) != NULL;
    return op_input_ints(call, 1, axes->axes, MAX_RANK, &axes->count, err);
}

static status infer_squeeze(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    const int rank = input->shape.rank;
    struct axes_params given;
    int axes[MAX_RANK];
    bool drop[MAX_RANK];
    char text[SHAPE_TEXT_BYTES];
    status code = read_axes(call, &given, err);
    if (code == STATUS_OK)
        code = movement_axes(given.axes, given.count, rank, axes, err);
    if (code != STATUS_OK)
        return code;
    for (int i = 0; i < rank; i++)
        drop[i] = !given.given && input->shape.dims[i] == 1;
    for (int i = 0; i < given.count; i++) {
        if (input->shape.dims[axes[i]] != 1)
            return fail(err, STATUS_SHAPE, "cannot squeeze axis %d of %s, its size is not 1", axes[i],
                        shape_text(&input->shape, text));
        drop[axes[i]] = true;
    }
    struct shape shape = {0};
    for (int i = 0; i < rank; i++)
        if (!drop[i])
            shape.dims[shape.rank++] = input->shape.dims[i];
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

static status infer_unsqueeze(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    struct axes_params given;
    int axes[MAX_RANK];
    bool fresh[MAX_RANK] = {false};
    status code = read_axes(call, &given, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = input->shape.rank + given.count};
    if (shape.rank > MAX_RANK)
        return fail(err, STATUS_LIMIT, "the output would have rank %d, at most %d is possible", shape.rank, MAX_RANK);
    code = movement_axes(given.axes, given.count, shape.rank, axes, err);
    if (code != STATUS_OK)
        return code;
    for (int i = 0; i < given.count; i++)
        fresh[axes[i]] = true;
    for (int i = 0, from = 0; i < shape.rank; i++)
        shape.dims[i] = fresh[i] ? 1 : input->shape.dims[from++];
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/* ---- definitions ---- */

static const struct op_arg data[] = {{"data", TYPES_MOVED, ARG_T}, {0}};
static const struct op_arg data_shape[] = {{"data", TYPES_MOVED, ARG_T}, {"shape", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg data_axes[] = {{"data", TYPES_MOVED, ARG_T}, {"axes", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg data_maybe_axes[] = {
    {"data", TYPES_MOVED, ARG_T}, {"axes", TYPE(DTYPE_INT64), ARG_OPTIONAL}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_MOVED, ARG_T}, {0}};

/* Perhaps a shuffle of pixels; or one more dimension of size 1, which is none. */
static const struct op_facts reshape_facts = {.moves = true, .reach = op_reach_unknown}, axes_facts = {.moves = true};

#define ALIAS(op_name, first, last, input_list, infer_function, parse_function, params_type, facts_of)          \
    {                                                                                                           \
        .name = op_name, .domain = "", .since = first, .until = last, .inputs = input_list, .outputs = outputs, \
        .storage = STORAGE_ALIAS, .params_size = sizeof(struct params_type), .parse = parse_function,           \
        .infer = infer_function, .run = movement_alias, .facts = &(facts_of)                                    \
    }

const struct op ops_reshape[] = {
    ALIAS("Reshape", 1, 4, data, infer_reshape, parse_shape, reshape_params, reshape_facts),
    ALIAS("Reshape", 5, 13, data_shape, infer_reshape, NULL, reshape_params, reshape_facts),
    ALIAS("Reshape", 14, 0, data_shape, infer_reshape, parse_allow_zero, reshape_params, reshape_facts),
    ALIAS("Flatten", 1, 0, data, infer_flatten, parse_flatten, flatten_params, reshape_facts),
    ALIAS("Squeeze", 1, 12, data, infer_squeeze, parse_squeeze, axes_params, axes_facts),
    ALIAS("Squeeze", 13, 0, data_maybe_axes, infer_squeeze, NULL, axes_params, axes_facts),
    ALIAS("Unsqueeze", 1, 12, data, infer_unsqueeze, parse_unsqueeze, axes_params, axes_facts),
    ALIAS("Unsqueeze", 13, 0, data_axes, infer_unsqueeze, NULL, axes_params, axes_facts),
    {.name = NULL}};
