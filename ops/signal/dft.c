/* DFT along one axis: of real or complex numbers, whole spectra or the first half of those of real ones, and back. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/core/reals.h"
#include "ops/signal/fft.h"

struct dft_params {
    int64_t axis;
    bool inverse, onesided;
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct dft_params *params = out;
    (void)err;
    params->axis = call->op->since < 20 ? attribute_int(attributes, "axis", 1) : -2;
    params->inverse = attribute_int(attributes, "inverse", 0) != 0;
    params->onesided = attribute_int(attributes, "onesided", 0) != 0;
    return STATUS_OK;
}

static status find_axis(const struct op_call *call, int *axis, struct error *err) {
    const struct dft_params *params = call->params;
    const int rank = call->inputs[0]->shape.rank;
    int64_t value = params->axis;
    status code = op_input(call, 2) ? op_scalar_int(call, 2, &value, err) : STATUS_OK;
    if (code == STATUS_OK)
        code = op_axis(value, rank, axis, "axis", err);
    if (code == STATUS_OK && *axis == rank - 1)
        return fail(err, STATUS_INVALID_MODEL, "axis is the last one, which holds real and imaginary parts");
    return code;
}

/* The axis, and the transform's length: given, or the axis's, or that which the half spectrum is of. */
static status find_length(const struct op_call *call, int *axis, int64_t *length, struct error *err) {
    const struct dft_params *params = call->params;
    const struct shape *x = &call->inputs[0]->shape;
    status code = find_axis(call, axis, err);
    if (code != STATUS_OK)
        return code;
    *length = params->inverse && params->onesided ? 2 * (x->dims[*axis] - 1) : x->dims[*axis];
    code = op_input(call, 1) ? op_scalar_int(call, 1, length, err) : STATUS_OK;
    if (code == STATUS_OK && *length < 1)
        return fail(err, STATUS_INVALID_ARGUMENT, "the transform's length is %lld, expected 1 or more",
                    (long long)*length);
    return code;
}

static status infer(struct op_call *call, struct error *err) {
    const struct dft_params *params = call->params;
    struct shape shape = call->inputs[0]->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t length;
    int axis;
    const int64_t parts = shape.rank >= 2 ? shape.dims[shape.rank - 1] : 0;
    if (parts != 1 && parts != 2)
        return fail(err, STATUS_SHAPE, "input 0 (input) has shape %s, expected 1 or 2 as the last dimension",
                    shape_text(&shape, text));
    if (params->onesided && parts != (params->inverse ? 2 : 1))
        return fail(err, STATUS_SHAPE, "input 0 (input) has shape %s: a onesided %stransform is of %s numbers",
                    shape_text(&shape, text), params->inverse ? "inverse " : "", params->inverse ? "complex" : "real");
    const status code = find_length(call, &axis, &length, err);
    if (code != STATUS_OK)
        return code;
    shape.dims[axis] = params->onesided && !params->inverse ? length / 2 + 1 : length;
    shape.dims[shape.rank - 1] = params->onesided && params->inverse ? 1 : 2;
    return tensor_describe(call->outputs[0], call->inputs[0]->dtype, &shape, err);
}

/* Lines outside the axis times lines inside it. */
static struct fft_layout layout_of(const struct shape *shape, int axis, int64_t count) {
    int64_t inner = 1;
    for (int i = axis + 1; i < shape->rank - 1; i++)
        inner *= shape->dims[i];
    return (struct fft_layout){inner, shape->dims[axis] * inner, 1, inner, count, (int)shape->dims[shape->rank - 1]};
}

static int64_t lines_of(const struct tensor *y, int axis) {
    const struct shape *shape = &y->shape;
    return y->bytes ? tensor_elements(y) / shape->dims[axis] / shape->dims[shape->rank - 1] : 0;
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct fft_plan *plan = call->state;
    int64_t length;
    int axis;
    *workspace_bytes = 0;
    status code = find_length(call, &axis, &length, err);
    if (code == STATUS_OK)
        code = fft_plan_make(plan, call->inputs[0]->dtype, length, call->kernels, err);
    if (code == STATUS_OK && !fft_own_bytes(plan, lines_of(call->outputs[0], axis), &call->own_bytes))
        return fail(err, STATUS_LIMIT, "the transform is too long");
    return code;
}

static status run(struct op_call *call, struct error *err) {
    const struct dft_params *params = call->params;
    const struct tensor *x = call->inputs[0], *y = call->outputs[0];
    struct fft_job job = {.plan = call->state, .from = x->data, .to = y->data, .inverse = params->inverse};
    int axis;
    const status code = find_axis(call, &axis, err);
    if (code != STATUS_OK)
        return code;
    job.mirrored = params->inverse && params->onesided;
    const int64_t there = x->shape.dims[axis], most = job.mirrored ? job.plan->length / 2 + 1 : job.plan->length;
    job.in = layout_of(&x->shape, axis, there < most ? there : most);
    job.out = layout_of(&y->shape, axis, y->shape.dims[axis]);
    job.lines = lines_of(y, axis);
    fft_run(&job, call);
    return STATUS_OK;
}

static void release(struct op_call *call) {
    fft_plan_drop(call->state);
}

static const struct op_facts facts = {.reach = op_reach_whole};
#define TYPES_SIGNAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
static const struct op_arg inputs_17[] = {
    {"input", TYPES_SIGNAL, ARG_T}, {"dft_length", TYPES_INDEX, ARG_OPTIONAL | ARG_T1}, {0}};
static const struct op_arg inputs[] = {{"input", TYPES_SIGNAL, ARG_T},
                                       {"dft_length", TYPES_INDEX, ARG_OPTIONAL | ARG_T1},
                                       {"axis", TYPE(DTYPE_INT64), ARG_OPTIONAL},
                                       {0}};
static const struct op_arg outputs[] = {{"output", TYPES_SIGNAL, ARG_T}, {0}};

#define DFT(SINCE, UNTIL, INPUTS)                                                                          \
    {                                                                                                      \
        .name = "DFT", .domain = "", .since = SINCE, .until = UNTIL, .inputs = INPUTS, .outputs = outputs, \
        .params_size = sizeof(struct dft_params), .state_size = sizeof(struct fft_plan), .parse = parse,   \
        .infer = infer, .prepare = prepare, .run = run, .release = release, .facts = &facts                \
    }

const struct op ops_dft[] = {DFT(17, 19, inputs_17), DFT(20, 0, inputs), {.name = NULL}};
