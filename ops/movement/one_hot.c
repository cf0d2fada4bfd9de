/* OneHot: a new axis on which the place that an index names has the on-value, all others the off-value. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/core/reals.h"
#include "ops/movement/block_copy.h"
#include "ops/movement/indices.h"
#include "ops/movement/movement.h"

struct one_hot_params {
    int64_t axis;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    (void)call;
    (void)err;
    ((struct one_hot_params *)out)->axis = attribute_int(attributes, "axis", -1);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct one_hot_params *params = call->params;
    const struct shape *indices = &call->inputs[0]->shape, *values = &call->inputs[2]->shape;
    char text[SHAPE_TEXT_BYTES];
    struct shape shape = {.rank = indices->rank + 1};
    int64_t depth;
    int axis;
    if (shape.rank > MAX_RANK)
        return fail(err, STATUS_LIMIT, "the output would have more than %d dimensions", MAX_RANK);
    status code = op_axis(params->axis, shape.rank, &axis, "axis", err);
    if (code == STATUS_OK && (values->rank != 1 || values->dims[0] != 2))
        return fail(err, STATUS_SHAPE, "input 2 (values) has shape %s, expected [2]", shape_text(values, text));
    if (code == STATUS_OK)
        code = op_scalar_int(call, 1, &depth, err);
    if (code != STATUS_OK)
        return code;
    if (depth < 0)
        return fail(err, STATUS_INVALID_ARGUMENT, "input 1 (depth) is %lld, expected 0 or more", (long long)depth);
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = i == axis ? depth : indices->dims[i < axis ? i : i - 1];
    return tensor_describe(call->outputs[0], call->inputs[2]->dtype, &shape, err);
}

struct one_hot_work {
    const struct tensor *indices;
    const char *off, *on;
    char *to;
    int64_t depth, inner; /* elements inside the new axis */
    size_t element;
};

static void fill_slices(void *context, size_t begin, size_t end) {
    const struct one_hot_work *work = context;
    for (size_t outer = begin; outer < end; outer++) {
        char *to = work->to + outer * (size_t)(work->depth * work->inner) * work->element;
        block_fill(to, work->off, work->element, work->depth * work->inner);
        for (int64_t i = 0; i < work->inner; i++) {
            int64_t index = int_of(work->indices, (int64_t)outer * work->inner + i);
            index = index < 0 && index >= -work->depth ? index + work->depth : index;
            if (index >= 0 && index < work->depth)
                block_copy(to + (size_t)(index * work->inner + i) * work->element, work->on, work->element);
        }
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct one_hot_params *params = call->params;
    const struct tensor *values = call->inputs[2], *y = call->outputs[0];
    int axis;
    const status code = op_axis(params->axis, y->shape.rank, &axis, "axis", err);
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    struct one_hot_work work = {.indices = call->inputs[0], .off = values->data, .to = y->data};
    work.element = dtype_size(values->dtype);
    work.on = work.off + work.element;
    work.depth = y->shape.dims[axis];
    work.inner = indices_product(&y->shape, axis + 1, y->shape.rank);
    const size_t slices = (size_t)indices_product(&y->shape, 0, axis);
    parallel_blocks(slices, strided_block(slices, y->bytes), call->threads, fill_slices, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_unknown};
#define TYPES_COUNTED (TYPES_NUMBER | TYPES_HALF)
static const struct op_arg inputs[] = {
    {"indices", TYPES_COUNTED, ARG_T1}, {"depth", TYPES_COUNTED, ARG_T2}, {"values", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_one_hot[] = {{.name = "OneHot",
                                  .domain = "",
                                  .since = 9,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .params_size = sizeof(struct one_hot_params),
                                  .parse = parse,
                                  .infer = infer,
                                  .run = run,
                                  .facts = &facts},
                                 {.name = NULL}};
