/* GroupNormalization (ONNX 18, 21) and InstanceNormalization (ONNX 1, 6, 22), whose groups are single channels. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/norm/norm_engine.h"
#include "ops/norm/norm_types.h"

struct group_row {
    int least_rank;
    bool by_group;  /* scale and bias have a number for each group, not for each channel */
    bool instances; /* every channel is a group */
};

struct group_params {
    float epsilon;
    int64_t groups;
};

static status group_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    const struct group_row *row = call->op->row;
    struct group_params *params = result;
    params->epsilon = attribute_float(attributes, "epsilon", 1e-5f);
    if (row->instances) {
        attribute_ignore(attributes, "consumed_inputs");
        return STATUS_OK;
    }
    attribute_ignore(attributes, "stash_type"); /* nothing is computed in less than single precision */
    params->groups = attribute_int(attributes, "num_groups", 0);
    if (params->groups < 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"num_groups\" is %lld, expected 1 or more",
                    (long long)params->groups);
    return STATUS_OK;
}

static int64_t groups_of(const struct op_call *call) {
    const struct group_row *row = call->op->row;
    return row->instances ? call->inputs[0]->shape.dims[1] : ((const struct group_params *)call->params)->groups;
}

static status check_list(const struct op_call *call, int i, int64_t count, struct error *err) {
    char name[ARG_TEXT_BYTES], a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], first[ARG_TEXT_BYTES];
    const struct shape *shape = &call->inputs[i]->shape;
    if (shape->rank == 1 && shape->dims[0] == count)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected [%lld] for %s %s", op_input_text(call, i, name),
                shape_text(shape, a), (long long)count, op_input_text(call, 0, first),
                shape_text(&call->inputs[0]->shape, b));
}

static status group_infer(struct op_call *call, struct error *err) {
    const struct group_row *row = call->op->row;
    const struct tensor *x = call->inputs[0];
    char name[ARG_TEXT_BYTES], text[SHAPE_TEXT_BYTES];
    if (x->shape.rank < row->least_rank)
        return fail(err, STATUS_SHAPE, "%s is %s, expected [N,C,...]", op_input_text(call, 0, name),
                    shape_text(&x->shape, text));
    const int64_t groups = groups_of(call), channels = x->shape.dims[1];
    if (!row->instances && channels % groups != 0)
        return fail(err, STATUS_SHAPE, "%s %s has %lld channels, which are no multiple of %lld groups",
                    op_input_text(call, 0, name), shape_text(&x->shape, text), (long long)channels, (long long)groups);
    status code = norm_same_type(call, 1, 2, err);
    for (int i = 1; i < 3 && code == STATUS_OK; i++)
        code = check_list(call, i, row->by_group ? groups : channels, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], x->dtype, &x->shape, err) : code;
}

/* [N, groups, channels of each, plane] */
static struct norm_layout group_layout(const struct op_call *call) {
    const struct group_row *row = call->op->row;
    const struct shape *x = &call->inputs[0]->shape;
    const int64_t groups = groups_of(call), each = groups > 0 ? x->dims[1] / groups : 0;
    struct norm_layout layout = {.dims = {.rank = 4, .size = {x->dims[0], groups, each, 1}},
                                 .reduced = {false, false, true, true}};
    for (int d = 2; d < x->rank; d++)
        layout.dims.size[3] *= x->dims[d];
    for (int a = NORM_SCALE; a <= NORM_BIAS; a++) {
        layout.dims.strides[1][a] = row->by_group ? 1 : each;
        layout.dims.strides[2][a] = row->by_group ? 0 : 1;
    }
    return layout;
}

static status group_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct norm_layout layout = group_layout(call);
    (void)err;
    *workspace_bytes = norm_workspace_bytes(&layout);
    return STATUS_OK;
}

static status group_run(struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    (void)err;
    if (x->bytes > 0)
        norm_run(call, &(struct norm_job){.layout = group_layout(call),
                                          .dtype = x->dtype,
                                          .centered = true,
                                          .inverse = INVERSE_VARIANCE,
                                          .epsilon = ((const struct group_params *)call->params)->epsilon,
                                          .x = x->data,
                                          .scale = call->inputs[1]->data,
                                          .bias = call->inputs[2]->data,
                                          .y = call->outputs[0]->data});
    return STATUS_OK;
}

static bool instance_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    (void)call;
    *blocking = (struct op_blocking){"BlockedInstanceNormalization", .in = channels[0], .out = channels[0]};
    return channels[0] > 0;
}

static const struct op_facts group_facts = {.reach = op_reach_whole};
static const struct op_facts instance_facts = {.blocks = instance_blocks, .reach = op_reach_whole};

static const struct op_arg group_inputs[] = {
    {"X", TYPES_NORM, ARG_T}, {"scale", TYPES_NORM, ARG_T}, {"bias", TYPES_NORM, ARG_T}, {0}};
static const struct op_arg instance_inputs[] = {
    {"input", TYPES_NORM, ARG_T}, {"scale", TYPES_NORM, ARG_T}, {"B", TYPES_NORM, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"Y", TYPES_NORM, ARG_T}, {0}};

static const struct group_row row_18 = {2, true, false}, row_21 = {2, false, false}, instance_row = {3, false, true};

#define GROUP(NAME, SINCE, UNTIL, INPUTS, FACTS, ROW)                                                      \
    {                                                                                                      \
        .name = NAME, .domain = "", .since = SINCE, .until = UNTIL, .inputs = INPUTS, .outputs = outputs,  \
        .storage = STORAGE_IN_PLACE, .params_size = sizeof(struct group_params), .parse = group_parse,     \
        .infer = group_infer, .prepare = group_prepare, .run = group_run, .facts = &(FACTS), .row = &(ROW) \
    }

const struct op ops_group_norm[] = {
    GROUP("GroupNormalization", 18, 20, group_inputs, group_facts, row_18),
    GROUP("GroupNormalization", 21, 0, group_inputs, group_facts, row_21),
    GROUP("InstanceNormalization", 1, 0, instance_inputs, instance_facts, instance_row),
    {0},
};
