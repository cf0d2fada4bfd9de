/* Concat: inputs one after the other along an axis. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/kernels/kernels.h"
#include "ops/movement/movement.h"

struct concat_params {
    int64_t axis; /* opsets before 11 do not speak of negative axes; they count from the end all the same */
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct concat_params *params = out;
    params->axis = attribute_int(attributes, "axis", 1);
    return call->opset < 4 ? STATUS_OK : movement_require(attributes, "axis", err);
}

static status check_fit(const struct op_call *call, int i, int axis, struct error *err) {
    const struct shape *first = &call->inputs[0]->shape, *other = &call->inputs[i]->shape;
    char text[SHAPE_TEXT_BYTES], other_text[SHAPE_TEXT_BYTES];
    bool fits = first->rank == other->rank;
    for (int dim = 0; fits && dim < first->rank; dim++)
        fits = dim == axis || first->dims[dim] == other->dims[dim];
    if (fits)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "input %d has shape %s, expected %s as input 0 but for axis %d", i,
                shape_text(other, other_text), shape_text(first, text), axis);
}

static status infer(struct op_call *call, struct error *err) {
    const struct concat_params *params = call->params;
    struct shape shape = call->inputs[0]->shape;
    int axis;
    if (op_axis(params->axis, shape.rank, &axis, "axis", err) != STATUS_OK)
        return err->code;
    for (int i = 1; i < call->input_count; i++) {
        if (check_fit(call, i, axis, err) != STATUS_OK)
            return err->code;
        if (!int64_add(shape.dims[axis], call->inputs[i]->shape.dims[axis], &shape.dims[axis]))
            return fail(err, STATUS_LIMIT, "the inputs are too large together along axis %d", axis);
    }
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

static status run(struct op_call *call, struct error *err) {
    const struct concat_params *params = call->params;
    const struct tensor *output = call->outputs[0];
    int64_t to[MAX_RANK], outer = 1;
    int axis;
    if (op_axis(params->axis, output->shape.rank, &axis, "axis", err) != STATUS_OK)
        return err->code;
    if (output->bytes == 0)
        return STATUS_OK;
    const size_t element = dtype_size(output->dtype);
    strided_dense(&output->shape, element, to);
    for (int i = 0; i < axis; i++)
        outer *= output->shape.dims[i];
    const int64_t row = output->shape.dims[axis] * to[axis];
    int64_t offset = 0;
    for (int i = 0; i < call->input_count; i++) {
        const int64_t part = call->inputs[i]->shape.dims[axis] * to[axis];
        struct strided box = {.element = element};
        strided_add(&box, outer, row, part);
        strided_add(&box, part / (int64_t)element, (int64_t)element, (int64_t)element);
        strided_copy(&box, (char *)output->data + offset, call->inputs[i]->data, call->threads);
        offset += part;
    }
    return STATUS_OK;
}

static bool is_noop(const struct op_call *call) {
    return call->input_count == 1;
}

/* Whole blocks, one after the other along the channels. */
static bool blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    const struct concat_params *params = call->params;
    *blocking = (struct op_blocking){.in = channels[0],
                                     .attributes = {{.name = "axis", .type = ATTRIBUTE_INT, .count = 1, .i = 1}},
                                     .attribute_count = 1};
    if (params->axis != 1 && params->axis != -3) /* of [N, C, H, W] */
        return false;
    for (int i = 0; i < call->input_count; i++) {
        if (channels[i] == 0 || (channels[i] % CHANNEL_BLOCK != 0 && i + 1 < call->input_count))
            return false;
        blocking->out += channels[i];
    }
    return true;
}

static const struct op_facts facts = {.is_noop = is_noop, .blocks = blocks};

static const struct op_arg inputs[] = {{"inputs", TYPES_WHOLE, ARG_T | ARG_VARIADIC}, {0}};
static const struct op_arg outputs[] = {{"concat_result", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_concat[] = {{.name = "Concat",
                                 .domain = "",
                                 .since = 1,
                                 .inputs = inputs,
                                 .outputs = outputs,
                                 .params_size = sizeof(struct concat_params),
                                 .parse = parse,
                                 .infer = infer,
                                 .run = run,
                                 .facts = &facts},
                                {.name = NULL}};
