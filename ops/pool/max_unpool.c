/*
 * MaxUnpool (ONNX 9, 11, 22): elements go where their indices say, everything else is 0. Indices count in the shape
 * that kernel, strides and pads give; where output_shape is larger, that stands at its beginning.
 */
#include "base/checked.h"
#include "ops/conv/window.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"

#include <string.h>

static status parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct window_params *params = result;
    (void)call;
    const status code = window_parse_lists(attributes, params, err);
    if (code == STATUS_OK && params->kernel_count == 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"kernel_shape\" is missing");
    return code;
}

/* The shape that indices count in. */
static status inner_shape(const struct op_call *call, struct shape *inner, struct error *err) {
    const struct window_params *params = call->params;
    const int spatial = inner->rank - 2;
    for (int i = 0; i < spatial; i++) {
        int64_t *size = &inner->dims[2 + i];
        if (*size > WINDOW_LIMIT)
            return fail(err, STATUS_LIMIT, "dimension %d of input 0 (X) is above %lld", 2 + i, (long long)WINDOW_LIMIT);
        const int64_t pads = params->pad_count ? params->pads[i] + params->pads[spatial + i] : 0;
        *size = *size ? (*size - 1) * (params->stride_count ? params->strides[i] : 1) - pads + params->kernel[i] : 0;
        if (*size < 0)
            return fail(err, STATUS_SHAPE, "pads leave %lld elements of dimension %d", (long long)*size, 2 + i);
    }
    if (shape_elements(inner) < 0)
        return fail(err, STATUS_LIMIT, "the output is too large");
    return STATUS_OK;
}

static status resolve(const struct op_call *call, struct shape *inner, struct shape *outer, struct error *err) {
    const struct window_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    int64_t sizes[MAX_RANK];
    int count;
    if (x->rank < 3 || x->rank > 2 + SPATIAL)
        return fail(err, STATUS_SHAPE, "input 0 (X) is %s, expected [N,C,...] with 1 to 3 spatial dimensions",
                    shape_text(x, a));
    if (!shape_equal(x, indices))
        return fail(err, STATUS_SHAPE, "input 1 (I) is %s, expected %s as input 0 (X)", shape_text(indices, a),
                    shape_text(x, b));
    *inner = *x;
    status code = window_check_lists(params, x->rank - 2, err);
    if (code == STATUS_OK)
        code = inner_shape(call, inner, err);
    if (code == STATUS_OK)
        code = op_input_ints(call, 2, sizes, MAX_RANK, &count, err);
    *outer = *inner;
    if (code != STATUS_OK || !op_input(call, 2))
        return code;
    if (count != x->rank)
        return fail(err, STATUS_SHAPE, "input 2 (output_shape) has %d numbers, expected %d", count, x->rank);
    for (int d = 0; d < count; d++) {
        if (sizes[d] < inner->dims[d])
            return fail(err, STATUS_SHAPE, "output_shape[%d] is %lld, expected at least %lld", d, (long long)sizes[d],
                        (long long)inner->dims[d]);
        outer->dims[d] = sizes[d];
    }
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    struct shape inner, outer;
    const status code = resolve(call, &inner, &outer, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &outer, err) : code;
}

/* Element i of the inner shape, as an element of the outer one. */
static int64_t outer_index(const struct shape *inner, const struct shape *outer, int64_t i) {
    int64_t index = 0, stride = 1;
    for (int d = inner->rank - 1; d >= 0; d--) {
        index += i % inner->dims[d] * stride;
        i /= inner->dims[d];
        stride *= outer->dims[d];
    }
    return index;
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    const int64_t *indices = call->inputs[1]->data;
    const size_t size = dtype_size(x->dtype);
    char *y = call->outputs[0]->data;
    struct shape inner, outer;
    const status code = resolve(call, &inner, &outer, err);
    if (code != STATUS_OK || call->outputs[0]->bytes == 0)
        return code;
    const int64_t most = shape_elements(&inner);
    const bool same = shape_equal(&inner, &outer);
    memset(y, 0, call->outputs[0]->bytes);
    for (int64_t i = 0; i < tensor_elements(x); i++) {
        const int64_t to = indices[i];
        if (to < 0 || to >= most)
            return fail(err, STATUS_INVALID_MODEL, "index %lld in input 1 (I) is outside 0..%lld", (long long)to,
                        (long long)most - 1);
        memcpy(y + (size_t)(same ? to : outer_index(&inner, &outer, to)) * size,
               (const char *)x->data + (size_t)i * size, size);
    }
    return STATUS_OK;
}

#define REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_INT8) | TYPE(DTYPE_UINT8))
static const struct op_arg inputs[] = {{"X", REAL, ARG_T},
                                       {"I", TYPE(DTYPE_INT64), ARG_T1},
                                       {"output_shape", TYPE(DTYPE_INT64), ARG_T1 | ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"output", REAL, ARG_T}, {0}};

static const struct op_facts facts = {.reach = op_reach_unknown};

const struct op ops_max_unpool[] = {{.name = "MaxUnpool",
                                     .domain = "",
                                     .since = 9,
                                     .inputs = inputs,
                                     .outputs = outputs,
                                     .params_size = sizeof(struct window_params),
                                     .parse = parse,
                                     .infer = infer,
                                     .run = run,
                                     .facts = &facts},
                                    {0}};
