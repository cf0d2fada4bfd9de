/* Split: an input cut in pieces along an axis. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/movement/movement.h"

#include <stdlib.h>

struct split_params {
    int64_t axis;
    int64_t num_outputs;  /* 0: not given */
    const int64_t *sizes; /* the attribute of opsets before 13, NULL: absent */
    size_t count;
};

/* Where each output starts along the axis. */
struct split_state {
    int64_t *starts;
};

static status parse_sizes(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct split_params *params = out;
    (void)call;
    (void)err;
    params->axis = attribute_int(attributes, "axis", 0);
    params->sizes = attribute_int_list(attributes, "split", &params->count);
    return STATUS_OK;
}

static status parse_axis(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct split_params *params = out;
    (void)call;
    (void)err;
    params->axis = attribute_int(attributes, "axis", 0);
    return STATUS_OK;
}

static status parse_num_outputs(const struct op_call *call, struct attributes *attributes, void *out,
                                struct error *err) {
    struct split_params *params = out;
    const bool sizes = call->node->input_count > 1 && call->node->inputs[1] != NO_VALUE;
    params->axis = attribute_int(attributes, "axis", 0);
    if (attribute_has(attributes, "num_outputs") == sizes)
        return fail(err, STATUS_INVALID_MODEL, "expected either input 1 (split) or attribute \"num_outputs\"");
    if (sizes)
        return STATUS_OK;
    params->num_outputs = attribute_int(attributes, "num_outputs", 0);
    if (params->num_outputs != call->node->output_count)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"num_outputs\" is %lld, but there are %d outputs",
                    (long long)params->num_outputs, call->node->output_count);
    return STATUS_OK;
}

/* The sizes that the model gives, from the attribute or input 1; *sizes is NULL without them. */
static status given_sizes(const struct op_call *call, const int64_t **sizes, struct error *err) {
    const struct split_params *params = call->params;
    const struct tensor *input = op_input(call, 1);
    int64_t count = (int64_t)params->count;
    *sizes = params->sizes;
    if (input) {
        if (op_unknown(call, 1))
            return op_needs(call, 1, err);
        count = tensor_elements(input);
        *sizes = input->data;
    } else if (!*sizes) {
        return STATUS_OK;
    }
    if (count != call->output_count)
        return fail(err, STATUS_INVALID_MODEL, "split has %lld sizes for %d outputs", (long long)count,
                    call->output_count);
    return STATUS_OK;
}

static status check_given(const struct op_call *call, const int64_t *sizes, int axis, struct error *err) {
    const struct shape *shape = &call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t sum = 0;
    for (int i = 0; i < call->output_count; i++) {
        if (sizes[i] < 0)
            return fail(err, STATUS_INVALID_MODEL, "split[%d] is %lld, expected 0 or more", i, (long long)sizes[i]);
        if (!int64_add(sum, sizes[i], &sum) || sum > shape->dims[axis])
            return fail(err, STATUS_SHAPE, "the sizes in split are together more than axis %d of %s", axis,
                        shape_text(shape, text));
    }
    if (sum != shape->dims[axis])
        return fail(err, STATUS_SHAPE, "the sizes in split are together %lld, expected axis %d of %s", (long long)sum,
                    axis, shape_text(shape, text));
    return STATUS_OK;
}

/* Pieces of equal size; from opset 18 the last one may be smaller. */
static status equal_size(const struct op_call *call, int axis, int64_t *size, struct error *err) {
    const struct shape *shape = &call->inputs[0]->shape;
    const int64_t dim = shape->dims[axis], count = call->output_count;
    char text[SHAPE_TEXT_BYTES];
    *size = dim / count + (dim % count != 0);
    if (dim % count == 0 || (call->opset >= 18 && *size <= dim / (count - 1)))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "cannot split axis %d of %s in %lld equal pieces%s", axis, shape_text(shape, text),
                (long long)count, call->opset >= 18 ? " with a smaller last one" : "");
}

/* What both infer() and prepare() need: the axis, and either the given sizes or the equal one. */
struct split_sizes {
    int axis;
    const int64_t *sizes;
    int64_t equal;
};

static status find_cut(const struct op_call *call, struct split_sizes *cut, struct error *err) {
    const struct split_params *params = call->params;
    status code = op_axis(params->axis, call->inputs[0]->shape.rank, &cut->axis, "axis", err);
    if (code == STATUS_OK)
        code = given_sizes(call, &cut->sizes, err);
    if (code == STATUS_OK)
        code =
            cut->sizes ? check_given(call, cut->sizes, cut->axis, err) : equal_size(call, cut->axis, &cut->equal, err);
    return code;
}

static int64_t cut_size(const struct split_sizes *cut, int64_t dim, int64_t start, int i) {
    const int64_t size = cut->sizes ? cut->sizes[i] : cut->equal;
    return size < dim - start ? size : dim - start;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    struct split_sizes cut;
    status code = find_cut(call, &cut, err);
    struct shape shape = input->shape;
    int64_t start = 0;
    for (int i = 0; code == STATUS_OK && i < call->output_count; i++) {
        shape.dims[cut.axis] = cut_size(&cut, input->shape.dims[cut.axis], start, i);
        start += shape.dims[cut.axis];
        if (call->outputs[i])
            code = tensor_describe(call->outputs[i], input->dtype, &shape, err);
    }
    return code;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct split_state *state = call->state;
    struct split_sizes cut;
    (void)workspace_bytes;
    const status code = find_cut(call, &cut, err);
    if (code != STATUS_OK)
        return code;
    state->starts = calloc((size_t)call->output_count + 1, sizeof *state->starts);
    if (!state->starts)
        return fail_memory(err, "the pieces of a split");
    for (int i = 0; i < call->output_count; i++)
        state->starts[i + 1] =
            state->starts[i] + cut_size(&cut, call->inputs[0]->shape.dims[cut.axis], state->starts[i], i);
    return STATUS_OK;
}

static void release(struct op_call *call) {
    free(((struct split_state *)call->state)->starts);
}

static status run(struct op_call *call, struct error *err) {
    const struct split_params *params = call->params;
    const struct split_state *state = call->state;
    const struct tensor *input = call->inputs[0];
    int64_t from[MAX_RANK], outer = 1;
    int axis;
    if (op_axis(params->axis, input->shape.rank, &axis, "axis", err) != STATUS_OK)
        return err->code;
    if (input->bytes == 0)
        return STATUS_OK;
    const size_t element = dtype_size(input->dtype);
    strided_dense(&input->shape, element, from);
    for (int i = 0; i < axis; i++)
        outer *= input->shape.dims[i];
    for (int i = 0; i < call->output_count; i++) {
        if (!call->outputs[i])
            continue;
        const int64_t part = (state->starts[i + 1] - state->starts[i]) * from[axis];
        struct strided box = {.element = element};
        strided_add(&box, outer, part, input->shape.dims[axis] * from[axis]);
        strided_add(&box, part / (int64_t)element, (int64_t)element, (int64_t)element);
        strided_copy(&box, call->outputs[i]->data, (const char *)input->data + state->starts[i] * from[axis],
                     call->threads);
    }
    return STATUS_OK;
}

static const struct op_arg inputs_attribute[] = {{"input", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg inputs_split[] = {
    {"input", TYPES_WHOLE, ARG_T}, {"split", TYPE(DTYPE_INT64), ARG_OPTIONAL}, {0}};
static const struct op_arg outputs[] = {{"outputs", TYPES_WHOLE, ARG_T | ARG_VARIADIC}, {0}};

#define SPLIT(first, last, parse_function, input_list)                                                                 \
    {                                                                                                                  \
        .name = "Split", .domain = "", .since = first, .until = last, .inputs = input_list, .outputs = outputs,        \
        .params_size = sizeof(struct split_params), .state_size = sizeof(struct split_state), .parse = parse_function, \
        .infer = infer, .prepare = prepare, .run = run, .release = release                                             \
    }

const struct op ops_split[] = {SPLIT(1, 12, parse_sizes, inputs_attribute),
                               SPLIT(13, 17, parse_axis, inputs_split),
                               SPLIT(18, 0, parse_num_outputs, inputs_split),
                               {.name = NULL}};
