/* TensorScatter: a cache with updates written into it along one axis, from each batch's own position on. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/parallel.h"
#include "ops/movement/indices.h"
#include "ops/movement/movement.h"

#include <string.h>

struct tensor_scatter_params {
    int64_t axis;
    int circular;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    static const char *const modes[] = {"linear", "circular", NULL};
    struct tensor_scatter_params *params = out;
    (void)call;
    (void)err;
    params->axis = attribute_int(attributes, "axis", -2);
    params->circular = attribute_choice(attributes, "mode", modes, 0);
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor_scatter_params *params = call->params;
    const struct shape *cache = &call->inputs[0]->shape, *update = &call->inputs[1]->shape;
    const struct tensor *starts = op_input(call, 2);
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    int axis;
    const status code = op_axis(params->axis, cache->rank, &axis, "axis", err);
    if (code != STATUS_OK)
        return code;
    if (axis == 0)
        return fail(err, STATUS_INVALID_MODEL, "axis is the batch, expected another one");
    bool fits = cache->rank == update->rank;
    for (int i = 0; fits && i < cache->rank; i++)
        fits = i == axis ? update->dims[i] <= cache->dims[i] : update->dims[i] == cache->dims[i];
    if (!fits)
        return fail(err, STATUS_SHAPE, "input 1 (update) has shape %s, expected %s, or less along axis %d",
                    shape_text(update, text), shape_text(cache, other), axis);
    if (starts && (starts->shape.rank != 1 || starts->shape.dims[0] != cache->dims[0]))
        return fail(err, STATUS_SHAPE, "input 2 (write_indices) has shape %s, expected [%lld]",
                    shape_text(&starts->shape, text), (long long)cache->dims[0]);
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, cache, err);
}

struct tensor_scatter {
    const int64_t *starts;
    const char *from;
    char *to;
    int64_t size, count; /* along the axis, of the cache and of the update */
    int64_t rows;        /* of one batch, outside the axis */
    size_t block;        /* bytes inside the axis */
};

static void write_rows(void *context, size_t begin, size_t end) {
    const struct tensor_scatter *s = context;
    for (size_t row = begin; row < end; row++) {
        const int64_t start = s->starts ? s->starts[(int64_t)row / s->rows] : 0;
        const int64_t place = s->size ? start % s->size : 0, straight = s->size - place;
        const int64_t first = s->count < straight ? s->count : straight;
        const char *from = s->from + row * (size_t)s->count * s->block;
        char *to = s->to + row * (size_t)s->size * s->block;
        memcpy(to + (size_t)place * s->block, from, (size_t)first * s->block);
        memcpy(to, from + (size_t)first * s->block, (size_t)(s->count - first) * s->block);
    }
}

static status check_starts(const struct op_call *call, const struct tensor_scatter *s, struct error *err) {
    const struct tensor_scatter_params *params = call->params;
    for (int64_t i = 0; s->starts && i < call->inputs[0]->shape.dims[0]; i++)
        if (s->starts[i] < 0 || (!params->circular && s->starts[i] > s->size - s->count))
            return fail(err, STATUS_INVALID_ARGUMENT,
                        "number %lld of input 2 (write_indices) is %lld: %lld elements from there do not fit %lld",
                        (long long)i, (long long)s->starts[i], (long long)s->count, (long long)s->size);
    return STATUS_OK;
}

static status run(struct op_call *call, struct error *err) {
    const struct tensor_scatter_params *params = call->params;
    const struct tensor *cache = call->inputs[0], *update = call->inputs[1], *output = call->outputs[0];
    int axis;
    status code = op_axis(params->axis, cache->shape.rank, &axis, "axis", err);
    if (code != STATUS_OK)
        return code;
    struct tensor_scatter s = {.starts = op_input(call, 2) ? op_input(call, 2)->data : NULL,
                               .from = update->data,
                               .to = output->data,
                               .size = cache->shape.dims[axis],
                               .count = update->shape.dims[axis],
                               .rows = indices_product(&cache->shape, 1, axis)};
    s.block = (size_t)indices_product(&cache->shape, axis + 1, cache->shape.rank) * dtype_size(cache->dtype);
    if ((code = check_starts(call, &s, err)) != STATUS_OK)
        return code;
    if (output->data != cache->data)
        strided_move(output->data, cache->data, output->bytes, call->threads);
    const size_t rows = (size_t)indices_product(&cache->shape, 0, axis);
    if (update->bytes > 0)
        parallel_blocks(rows, strided_block(rows, update->bytes), call->threads, write_rows, &s);
    return STATUS_OK;
}

static const struct op_facts facts = {.reach = op_reach_unknown};
static const struct op_arg inputs[] = {{"past_cache", TYPES_WHOLE, ARG_T},
                                       {"update", TYPES_WHOLE, ARG_T},
                                       {"write_indices", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"present_cache", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_tensor_scatter[] = {{.name = "TensorScatter",
                                         .domain = "",
                                         .since = 24,
                                         .inputs = inputs,
                                         .outputs = outputs,
                                         .storage = STORAGE_IN_FIRST,
                                         .params_size = sizeof(struct tensor_scatter_params),
                                         .parse = parse,
                                         .infer = infer,
                                         .run = run,
                                         .facts = &facts},
                                        {.name = NULL}};
