/*
 * Scatter, ScatterElements, ScatterND: a copy of the data with updates at indices, each checked before anything is
 * written. Of updates to one element the one further behind comes later, on any number of threads.
 */
#include "base/checked.h"
#include "base/thread_team.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/indices.h"
#include "ops/movement/movement.h"
#include "ops/movement/scatter_apply.h"

#define CHUNK 256

struct scatter_params {
    int64_t axis;
    enum scatter_reduction reduction;
};

/* PyTorch writes max and min, which are since version 18, into version 16, too, where onnxruntime takes them. */
static void parse_reduction(const struct op_call *call, struct attributes *attributes, struct scatter_params *params) {
    static const char *const names[] = {"none", "add", "mul", "max", "min", NULL};
    if (call->op->since >= 16)
        params->reduction = (enum scatter_reduction)attribute_choice(attributes, "reduction", names, SCATTER_NONE);
}

static status parse_elements(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct scatter_params *params = out;
    (void)err;
    params->axis = attribute_int(attributes, "axis", 0);
    parse_reduction(call, attributes, params);
    return STATUS_OK;
}

static status parse_nd(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    (void)err;
    parse_reduction(call, attributes, out);
    return STATUS_OK;
}

/* Whether the type has the reduction. */
static status describe(const struct op_call *call, struct error *err) {
    const struct scatter_params *params = call->params;
    const struct tensor *data = call->inputs[0];
    if (!scatter_apply(data->dtype, params->reduction))
        return fail(err, STATUS_UNSUPPORTED, "elements of type %s have no reduction", dtype_name(data->dtype));
    return tensor_describe(call->outputs[0], data->dtype, &data->shape, err);
}

static void copy_data(const struct op_call *call) {
    if (call->outputs[0]->data != call->inputs[0]->data)
        strided_move(call->outputs[0]->data, call->inputs[0]->data, call->outputs[0]->bytes, call->threads);
}

/* ---- ScatterElements ---- */

static status infer_elements(struct op_call *call, struct error *err) {
    const struct scatter_params *params = call->params;
    const struct shape *indices = &call->inputs[1]->shape;
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    const status code = indices_check_elements(call, params->axis, err);
    if (code != STATUS_OK)
        return code;
    if (!shape_equal(indices, &call->inputs[2]->shape))
        return fail(err, STATUS_SHAPE, "input 2 (updates) has shape %s, expected %s as input 1 (indices)",
                    shape_text(&call->inputs[2]->shape, text), shape_text(indices, other));
    return describe(call, err);
}

struct scatter_elements {
    const struct scatter_apply *apply;
    const struct tensor *indices;
    const char *updates;
    char *to;
    size_t element;
    int axis, rank;
    int64_t size, axis_stride; /* of the data's axis; in elements */
    int64_t steps, step;       /* indices along the axis, and from one to the next; 1 where the axis is the last one */
    int64_t count;             /* indices in a row of the last dimension */
    const int64_t *dims;       /* of the indices */
    int64_t strides[MAX_RANK]; /* of the data */
    int64_t i_strides[MAX_RANK]; /* of the indices */
};

/* A run of neighbours along the last dimension of the indices, from the first one on: those of one index of all others.
 */
static void scatter_run(const struct scatter_elements *s, int64_t first, int64_t base) {
    int64_t places[CHUNK];
    const int64_t step = s->axis == s->rank - 1 ? 0 : 1;
    for (int64_t i = 0, n; i < s->count; i += n) {
        n = s->count - i < CHUNK ? s->count - i : CHUNK;
        for (int64_t k = 0; k < n; k++)
            places[k] = base + indices_at(s->indices, first + i + k, s->size) * s->axis_stride + (i + k) * step;
        s->apply->at(s->to, places, s->updates + (size_t)(first + i) * s->element, (size_t)n);
    }
}

/* A row is all that has one index in all dimensions but the axis and the last one: no other row meets its elements. */
static void scatter_rows(void *context, size_t begin, size_t end) {
    const struct scatter_elements *s = context;
    for (int64_t row = (int64_t)begin; row < (int64_t)end; row++) {
        int64_t rest = row, base = 0, first = 0;
        for (int d = s->rank - 2; d >= 0; d--)
            if (d != s->axis) {
                base += rest % s->dims[d] * s->strides[d];
                first += rest % s->dims[d] * s->i_strides[d];
                rest /= s->dims[d];
            }
        for (int64_t k = 0; k < s->steps; k++)
            scatter_run(s, first + k * s->step, base);
    }
}

static status run_elements(struct op_call *call, struct error *err) {
    const struct scatter_params *params = call->params;
    const struct tensor *data = call->inputs[0], *indices = call->inputs[1], *output = call->outputs[0];
    struct scatter_elements s = {.indices = indices, .updates = call->inputs[2]->data, .to = output->data};
    status code = op_axis(params->axis, data->shape.rank, &s.axis, "axis", err);
    if (code == STATUS_OK)
        code = indices_check(call, 0, 1, s.axis, err);
    if (code != STATUS_OK)
        return code;
    copy_data(call);
    const int64_t elements = tensor_elements(indices);
    if (elements == 0)
        return STATUS_OK;
    s.apply = scatter_apply(data->dtype, params->reduction);
    s.element = dtype_size(data->dtype);
    s.rank = data->shape.rank;
    s.dims = indices->shape.dims;
    strided_dense(&data->shape, 1, s.strides);
    strided_dense(&indices->shape, 1, s.i_strides);
    s.size = data->shape.dims[s.axis];
    s.axis_stride = s.strides[s.axis];
    s.count = s.dims[s.rank - 1];
    s.steps = s.axis == s.rank - 1 ? 1 : s.dims[s.axis];
    s.step = s.i_strides[s.axis];
    const size_t rows = (size_t)(elements / s.count / s.steps);
    parallel_blocks(rows, strided_block(rows, (size_t)elements * s.element), call->threads, scatter_rows, &s);
    return STATUS_OK;
}

/* ---- ScatterND ---- */

static status infer_nd(struct op_call *call, struct error *err) {
    const struct shape *data = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    const struct shape *updates = &call->inputs[2]->shape;
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES], third[SHAPE_TEXT_BYTES];
    const int places = indices->rank - 1;
    const int64_t tuple = places >= 0 ? indices->dims[places] : -1;
    if (data->rank < 1 || tuple < 0 || tuple > data->rank)
        return fail(err, STATUS_SHAPE, "input 1 (indices) of shape %s does not index %s", shape_text(indices, text),
                    shape_text(data, other));
    bool fits = updates->rank == places + data->rank - (int)tuple;
    for (int i = 0; fits && i < updates->rank; i++)
        fits = updates->dims[i] == (i < places ? indices->dims[i] : data->dims[i - places + (int)tuple]);
    if (!fits)
        return fail(err, STATUS_SHAPE, "input 2 (updates) of shape %s does not fit indices of shape %s into %s",
                    shape_text(updates, text), shape_text(indices, other), shape_text(data, third));
    return describe(call, err);
}

static int64_t tuples_of(const struct tensor *indices) {
    return indices_product(&indices->shape, 0, indices->shape.rank - 1);
}

/* Where each update goes. */
static status prepare_nd(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    if (!size_mul((size_t)tuples_of(call->inputs[1]), sizeof(int64_t), workspace_bytes))
        return fail(err, STATUS_LIMIT, "the indices are too many");
    return STATUS_OK;
}

struct scatter_nd {
    const struct scatter_apply *apply;
    const struct tensor *data, *indices;
    const char *updates;
    char *to;
    int64_t *places; /* first element of each update */
    size_t element;
    int64_t tuple, count, block, elements;
    int64_t strides[MAX_RANK];
};

static void find_places(void *context, size_t begin, size_t end) {
    const struct scatter_nd *s = context;
    for (int64_t n = (int64_t)begin; n < (int64_t)end; n++) {
        s->places[n] = 0;
        for (int i = 0; i < s->tuple; i++)
            s->places[n] += indices_at(s->indices, n * s->tuple + i, s->data->shape.dims[i]) * s->strides[i];
    }
}

/* Single elements: those that go to first..end-1. */
static void scatter_singles(const struct scatter_nd *s, int64_t first, int64_t end) {
    int64_t places[CHUNK];
    for (int64_t n = 0; n < s->count;) {
        int64_t k = 0;
        const int64_t start = n;
        if (s->places[n] < first || s->places[n] >= end) {
            n++;
            continue;
        }
        for (; n < s->count && k < CHUNK && s->places[n] >= first && s->places[n] < end; n++)
            places[k++] = s->places[n];
        s->apply->at(s->to, places, s->updates + (size_t)start * s->element, (size_t)k);
    }
}

/* Every thread looks at all updates and has a part of the output for itself. */
static void scatter_part(void *context, int64_t first, int64_t end) {
    const struct scatter_nd *s = context;
    if (s->block == 1) {
        scatter_singles(s, first, end);
        return;
    }
    for (int64_t n = 0; n < s->count; n++) {
        const int64_t place = s->places[n];
        const int64_t from = place < first ? first : place, to = place + s->block < end ? place + s->block : end;
        if (from < to)
            s->apply->run(s->to + (size_t)from * s->element,
                          s->updates + (size_t)(n * s->block + from - place) * s->element, (size_t)(to - from));
    }
}

static status run_nd(struct op_call *call, struct error *err) {
    const struct scatter_params *params = call->params;
    const struct tensor *data = call->inputs[0], *indices = call->inputs[1], *output = call->outputs[0];
    struct scatter_nd s = {.data = data, .indices = indices, .to = output->data, .places = call->workspace};
    s.tuple = indices->shape.dims[indices->shape.rank - 1];
    for (int i = 0; i < s.tuple; i++) {
        const status code = indices_check(call, i, s.tuple, i, err);
        if (code != STATUS_OK)
            return code;
    }
    copy_data(call);
    if (call->inputs[2]->bytes == 0)
        return STATUS_OK;
    s.apply = scatter_apply(data->dtype, params->reduction);
    s.updates = call->inputs[2]->data;
    s.element = dtype_size(data->dtype);
    s.count = tuples_of(indices);
    s.block = indices_product(&data->shape, (int)s.tuple, data->shape.rank);
    s.elements = tensor_elements(data);
    strided_dense(&data->shape, 1, s.strides);
    parallel_blocks((size_t)s.count, PARALLEL_ELEMENTS, call->threads, find_places, &s);
    const bool worth = tensor_elements(call->inputs[2]) >= 2 * PARALLEL_ELEMENTS;
    team_for(worth ? call->threads : 1, s.elements, scatter_part, &s);
    return STATUS_OK;
}

/* ---- definitions ---- */

static const struct op_arg inputs[] = {
    {"data", TYPES_WHOLE, ARG_T}, {"indices", TYPES_INDEX, ARG_T1}, {"updates", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg inputs_nd[] = {
    {"data", TYPES_WHOLE, ARG_T}, {"indices", TYPE(DTYPE_INT64), 0}, {"updates", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

static const struct op_facts facts = {.reach = op_reach_unknown};

#define SCATTER(op_name, first, last, input_list, kind)                                                         \
    {                                                                                                           \
        .name = op_name, .domain = "", .since = first, .until = last, .inputs = input_list, .outputs = outputs, \
        .storage = STORAGE_IN_FIRST, .params_size = sizeof(struct scatter_params), .parse = parse_##kind,       \
        .infer = infer_##kind, .run = run_##kind, .facts = &facts, SCATTER_##kind                               \
    }
#define SCATTER_elements .prepare = NULL
#define SCATTER_nd .prepare = prepare_nd

const struct op ops_scatter[] = {
    SCATTER("Scatter", 9, 10, inputs, elements),          SCATTER("ScatterElements", 11, 15, inputs, elements),
    SCATTER("ScatterElements", 16, 17, inputs, elements), SCATTER("ScatterElements", 18, 0, inputs, elements),
    SCATTER("ScatterND", 11, 15, inputs_nd, nd),          SCATTER("ScatterND", 16, 17, inputs_nd, nd),
    SCATTER("ScatterND", 18, 0, inputs_nd, nd),           {.name = NULL}};
