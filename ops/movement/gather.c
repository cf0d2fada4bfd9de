/* Gather, GatherElements, GatherND: elements or blocks picked by indices, each checked before it is followed. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/block_copy.h"
#include "ops/movement/indices.h"
#include "ops/movement/movement.h"

struct gather_params {
    int64_t axis; /* GatherND: batch_dims */
};

static status parse_axis(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct gather_params *params = out;
    (void)call;
    (void)err;
    params->axis = attribute_int(attributes, "axis", 0);
    return STATUS_OK;
}

static status parse_batch_dims(const struct op_call *call, struct attributes *attributes, void *out,
                               struct error *err) {
    struct gather_params *params = out;
    (void)call;
    params->axis = attribute_int(attributes, "batch_dims", 0);
    if (params->axis < 0)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"batch_dims\" is %lld, expected 0 or more",
                    (long long)params->axis);
    return STATUS_OK;
}

/* Appends dims[begin..end-1] of another shape; STATUS_LIMIT above MAX_RANK. */
static status append_dims(struct shape *shape, const struct shape *from, int begin, int end, struct error *err) {
    for (int i = begin; i < end; i++) {
        if (shape->rank == MAX_RANK)
            return fail(err, STATUS_LIMIT, "the output would have more than %d dimensions", MAX_RANK);
        shape->dims[shape->rank++] = from->dims[i];
    }
    return STATUS_OK;
}

/* What the threads share. */
struct gather_copy {
    const struct tensor *indices;
    char *to;
    const char *from;
    int64_t count;      /* Gather: indices; GatherND: index tuples of one batch; GatherElements: elements of a row */
    int64_t block;      /* bytes that are copied together */
    int64_t from_outer; /* Gather, GatherND: bytes between outer parts (batches) of the data */
    int64_t size;       /* Gather, GatherElements: of the axis */
    int tuple;          /* GatherND: indices in a tuple */
    const int64_t *sizes, *strides; /* GatherND: of the indexed axes; GatherElements: strides of the data */
    const struct shape *shape;      /* GatherElements: of the output */
    int axis;
    bool *outside; /* GatherElements: set where an index is out of range */
};

/* ---- Gather ---- */

static status infer_gather(struct op_call *call, struct error *err) {
    const struct gather_params *params = call->params;
    const struct shape *data = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    struct shape shape = {0};
    int axis;
    status code = op_axis(params->axis, data->rank, &axis, "axis", err);
    if (code == STATUS_OK)
        code = append_dims(&shape, data, 0, axis, err);
    if (code == STATUS_OK)
        code = append_dims(&shape, indices, 0, indices->rank, err);
    if (code == STATUS_OK)
        code = append_dims(&shape, data, axis + 1, data->rank, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err) : code;
}

/* Called with a constant `block` where blocks are small. */
static inline __attribute__((always_inline)) void gather_span(const struct gather_copy *copy, int64_t begin,
                                                              int64_t end, int64_t block) {
    int64_t outer = begin / copy->count, i = begin % copy->count;
    const char *from = copy->from + outer * copy->from_outer;
    for (int64_t n = begin; n < end; n++) {
        const int64_t index = indices_at(copy->indices, i, copy->size);
        block_copy(copy->to + n * block, from + index * block, (size_t)block);
        if (++i == copy->count) {
            i = 0;
            from += copy->from_outer;
        }
    }
}

static void gather_blocks(void *context, size_t begin, size_t end) {
    const struct gather_copy copy = *(const struct gather_copy *)context;
    const int64_t first = (int64_t)begin, last = (int64_t)end;
    switch (copy.block) {
    case 1:
        gather_span(&copy, first, last, 1);
        break;
    case 2:
        gather_span(&copy, first, last, 2);
        break;
    case 4:
        gather_span(&copy, first, last, 4);
        break;
    case 8:
        gather_span(&copy, first, last, 8);
        break;
    default:
        gather_span(&copy, first, last, copy.block);
    }
}

static status run_gather(struct op_call *call, struct error *err) {
    const struct gather_params *params = call->params;
    const struct tensor *data = call->inputs[0], *indices = call->inputs[1], *output = call->outputs[0];
    int axis;
    status code = op_axis(params->axis, data->shape.rank, &axis, "axis", err);
    if (code == STATUS_OK)
        code = indices_check(call, 0, 1, axis, err);
    if (code != STATUS_OK || output->bytes == 0)
        return code;
    struct gather_copy copy = {.indices = indices, .to = output->data, .from = data->data};
    copy.count = tensor_elements(indices);
    copy.size = data->shape.dims[axis];
    copy.block = indices_product(&data->shape, axis + 1, data->shape.rank) * (int64_t)dtype_size(data->dtype);
    copy.from_outer = copy.size * copy.block;
    const size_t blocks = output->bytes / (size_t)copy.block;
    parallel_blocks(blocks, strided_block(blocks, output->bytes), call->threads, gather_blocks, &copy);
    return STATUS_OK;
}

/* ---- GatherElements ---- */

static status infer_elements(struct op_call *call, struct error *err) {
    const struct gather_params *params = call->params;
    const status code = indices_check_elements(call, params->axis, err);
    return code ? code : tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[1]->shape, err);
}

/* Bytes from the data's start to the row of the last axis, with index 0 on the gathered axis. */
static int64_t row_offset(const struct gather_copy *copy, int64_t row) {
    int64_t offset = 0;
    for (int i = copy->shape->rank - 2; i >= 0; i--) {
        if (i != copy->axis)
            offset += row % copy->shape->dims[i] * copy->strides[i];
        row /= copy->shape->dims[i];
    }
    return offset;
}

/*
 * A row of the output; false: an index is outside. Called with constants: int64 indices, bytes of an element, the
 * gathered axis is the last one.
 */
static inline __attribute__((always_inline)) bool gather_row(const struct gather_copy *copy, int64_t row,
                                                             const bool wide, const int64_t block, const bool is_last) {
    const uint64_t axis_stride = (uint64_t)(is_last ? block : copy->strides[copy->axis]), size = (uint64_t)copy->size;
    const int64_t count = copy->count, step = is_last ? 0 : block;
    const char *from = copy->from + row_offset(copy, row);
    const int64_t *long_indices = (const int64_t *)copy->indices->data + row * count;
    const int32_t *short_indices = (const int32_t *)copy->indices->data + row * count;
    char *to = copy->to + row * count * block;
    for (int64_t i = 0; i < count; i++, from += step, to += block) {
        uint64_t index = (uint64_t)(wide ? long_indices[i] : short_indices[i]);
        if (index >= size) {
            index += size; /* from the end */
            if (index >= size)
                return false;
        }
        block_copy(to, from + index * axis_stride, (size_t)block);
    }
    return true;
}

static void gather_rows(void *context, size_t begin, size_t end) {
    const struct gather_copy copy = *(const struct gather_copy *)context;
    const bool wide = copy.indices->dtype == DTYPE_INT64, is_last = copy.axis == copy.shape->rank - 1;
    bool within = true;
    for (int64_t row = (int64_t)begin; within && row < (int64_t)end; row++)
        if (copy.block != 4)
            within = gather_row(&copy, row, wide, copy.block, is_last);
        else if (!is_last)
            within = gather_row(&copy, row, wide, 4, false);
        else if (wide)
            within = gather_row(&copy, row, true, 4, true);
        else
            within = gather_row(&copy, row, false, 4, true);
    if (!within)
        __atomic_store_n(copy.outside, true, __ATOMIC_RELAXED);
}

static status run_elements(struct op_call *call, struct error *err) {
    const struct gather_params *params = call->params;
    const struct tensor *data = call->inputs[0], *output = call->outputs[0];
    int64_t strides[MAX_RANK];
    bool outside = false;
    struct gather_copy copy = {.indices = call->inputs[1], .to = output->data, .from = data->data, .outside = &outside};
    const status code = op_axis(params->axis, data->shape.rank, &copy.axis, "axis", err);
    if (code != STATUS_OK || output->bytes == 0)
        return code;
    strided_dense(&data->shape, dtype_size(data->dtype), strides);
    copy.strides = strides;
    copy.shape = &output->shape;
    copy.block = (int64_t)dtype_size(data->dtype);
    copy.count = output->shape.dims[output->shape.rank - 1];
    copy.size = data->shape.dims[copy.axis];
    const size_t rows = (size_t)(tensor_elements(output) / copy.count);
    parallel_blocks(rows, strided_block(rows, output->bytes), call->threads, gather_rows, &copy);
    return outside ? indices_check(call, 0, 1, copy.axis, err) : STATUS_OK;
}

/* ---- GatherND ---- */

static status infer_nd(struct op_call *call, struct error *err) {
    const struct gather_params *params = call->params;
    const struct shape *data = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    const int64_t batch_dims = call->opset < 12 ? 0 : params->axis;
    bool fits = data->rank >= 1 && indices->rank >= 1 && batch_dims < indices->rank && batch_dims < data->rank;
    for (int i = 0; fits && i < batch_dims; i++)
        fits = data->dims[i] == indices->dims[i];
    const int64_t tuple = fits ? indices->dims[indices->rank - 1] : 0;
    if (!fits || tuple < 1 || tuple > data->rank - batch_dims)
        return fail(err, STATUS_SHAPE, "input 1 (indices) of shape %s does not index %s with %lld batch dimensions",
                    shape_text(indices, text), shape_text(data, other), (long long)batch_dims);
    struct shape shape = {0};
    status code = append_dims(&shape, indices, 0, indices->rank - 1, err);
    if (code == STATUS_OK)
        code = append_dims(&shape, data, (int)(batch_dims + tuple), data->rank, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err) : code;
}

static void gather_tuples(void *context, size_t begin, size_t end) {
    const struct gather_copy copy = *(const struct gather_copy *)context;
    for (int64_t n = (int64_t)begin; n < (int64_t)end; n++) {
        const char *from = copy.from + n / copy.count * copy.from_outer;
        for (int i = 0; i < copy.tuple; i++)
            from += indices_at(copy.indices, n * copy.tuple + i, copy.sizes[i]) * copy.strides[i];
        block_copy(copy.to + n * copy.block, from, (size_t)copy.block);
    }
}

static status run_nd(struct op_call *call, struct error *err) {
    const struct gather_params *params = call->params;
    const struct tensor *data = call->inputs[0], *indices = call->inputs[1], *output = call->outputs[0];
    const int batch_dims = call->opset < 12 ? 0 : (int)params->axis, rank = indices->shape.rank;
    const int tuple = (int)indices->shape.dims[rank - 1];
    int64_t strides[MAX_RANK];
    for (int i = 0; i < tuple; i++) {
        const status code = indices_check(call, i, tuple, batch_dims + i, err);
        if (code != STATUS_OK)
            return code;
    }
    if (output->bytes == 0)
        return STATUS_OK;
    strided_dense(&data->shape, dtype_size(data->dtype), strides);
    struct gather_copy copy = {.indices = indices, .to = output->data, .from = data->data, .tuple = tuple};
    copy.count = indices_product(&indices->shape, batch_dims, rank - 1);
    copy.block = strides[batch_dims + tuple - 1];
    copy.from_outer = indices_product(&data->shape, batch_dims, data->shape.rank) * (int64_t)dtype_size(data->dtype);
    copy.sizes = data->shape.dims + batch_dims;
    copy.strides = strides + batch_dims;
    const size_t blocks = output->bytes / (size_t)copy.block;
    parallel_blocks(blocks, strided_block(blocks, output->bytes), call->threads, gather_tuples, &copy);
    return STATUS_OK;
}

/* ---- definitions ---- */

static const struct op_arg inputs[] = {{"data", TYPES_WHOLE, ARG_T}, {"indices", TYPES_INDEX, ARG_T1}, {0}};
static const struct op_arg inputs_nd[] = {{"data", TYPES_WHOLE, ARG_T}, {"indices", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

/* Perhaps a shuffle of pixels. */
static const struct op_facts facts = {.moves = true, .reach = op_reach_unknown};

#define GATHER(op_name, first, last, input_list, parse_function, kind)                                          \
    {                                                                                                           \
        .name = op_name, .domain = "", .since = first, .until = last, .inputs = input_list, .outputs = outputs, \
        .params_size = sizeof(struct gather_params), .parse = parse_function, .infer = infer_##kind,            \
        .run = run_##kind, .facts = &facts                                                                      \
    }

const struct op ops_gather[] = {GATHER("Gather", 1, 0, inputs, parse_axis, gather),
                                GATHER("GatherElements", 11, 0, inputs, parse_axis, elements),
                                GATHER("GatherND", 11, 11, inputs_nd, NULL, nd),
                                GATHER("GatherND", 12, 0, inputs_nd, parse_batch_dims, nd),
                                {.name = NULL}};
