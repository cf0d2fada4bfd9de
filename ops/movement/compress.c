/* Compress: the slices along an axis, or the elements of the flattened input, where the condition holds. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/block_copy.h"
#include "ops/movement/indices.h"
#include "ops/movement/movement.h"

struct compress_params {
    int64_t axis;
    bool flat; /* no axis */
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct compress_params *params = out;
    (void)call;
    (void)err;
    params->flat = !attribute_has(attributes, "axis");
    params->axis = attribute_int(attributes, "axis", 0);
    return STATUS_OK;
}

/* The input as [outer, size, inner]. */
struct compress_view {
    int64_t outer, size, inner;
    int axis;
};

static status view_of(const struct op_call *call, struct compress_view *view, struct error *err) {
    const struct compress_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    *view = (struct compress_view){1, tensor_elements(call->inputs[0]), 1, 0};
    if (params->flat)
        return STATUS_OK;
    const status code = op_axis(params->axis, x->rank, &view->axis, "axis", err);
    if (code == STATUS_OK) {
        view->outer = indices_product(x, 0, view->axis);
        view->size = x->dims[view->axis];
        view->inner = indices_product(x, view->axis + 1, x->rank);
    }
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct compress_params *params = call->params;
    const struct tensor *x = call->inputs[0], *condition = call->inputs[1];
    struct shape shape = x->shape;
    struct compress_view view;
    char text[SHAPE_TEXT_BYTES];
    int64_t count = 0;
    const status code = view_of(call, &view, err);
    if (code != STATUS_OK)
        return code;
    if (condition->shape.rank != 1 || condition->shape.dims[0] > view.size)
        return fail(err, STATUS_SHAPE, "input 1 (condition) has shape %s, expected a list of at most %lld",
                    shape_text(&condition->shape, text), (long long)view.size);
    if (op_unknown(call, 1))
        return op_needs(call, 1, err);
    for (int64_t i = 0; i < condition->shape.dims[0]; i++)
        count += ((const uint8_t *)condition->data)[i] != 0;
    if (params->flat)
        shape = (struct shape){.rank = 1};
    shape.dims[view.axis] = count;
    return tensor_describe(call->outputs[0], x->dtype, &shape, err);
}

/* Which slices are taken. */
static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct tensor *condition = call->inputs[1];
    if (!size_mul((size_t)condition->shape.dims[0], sizeof(int64_t), workspace_bytes))
        return fail(err, STATUS_LIMIT, "input 1 is too large");
    return STATUS_OK;
}

struct compress_work {
    const int64_t *taken;
    const char *from;
    char *to;
    int64_t count, size;
    size_t block;
};

static void copy_slices(void *context, size_t begin, size_t end) {
    const struct compress_work *work = context;
    for (size_t i = begin; i < end; i++) {
        const size_t outer = i / (size_t)work->count, slice = (size_t)work->taken[i % (size_t)work->count];
        block_copy(work->to + i * work->block, work->from + (outer * (size_t)work->size + slice) * work->block,
                   work->block);
    }
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0], *condition = call->inputs[1], *y = call->outputs[0];
    struct compress_view view;
    const status code = view_of(call, &view, err);
    if (code != STATUS_OK || y->bytes == 0)
        return code;
    int64_t *taken = call->workspace, count = 0;
    for (int64_t i = 0; i < condition->shape.dims[0]; i++)
        if (((const uint8_t *)condition->data)[i])
            taken[count++] = i;
    struct compress_work work = {.taken = taken, .from = x->data, .to = y->data, .count = count, .size = view.size};
    work.block = (size_t)view.inner * dtype_size(x->dtype);
    const size_t slices = (size_t)(view.outer * count);
    parallel_blocks(slices, strided_block(slices, y->bytes), call->threads, copy_slices, &work);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_unknown};
static const struct op_arg inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {"condition", TYPES_BOOL, ARG_T1}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_compress[] = {{.name = "Compress",
                                   .domain = "",
                                   .since = 9,
                                   .inputs = inputs,
                                   .outputs = outputs,
                                   .params_size = sizeof(struct compress_params),
                                   .parse = parse,
                                   .infer = infer,
                                   .prepare = prepare,
                                   .run = run,
                                   .facts = &facts},
                                  {.name = NULL}};
