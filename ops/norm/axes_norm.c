/* MeanVarianceNormalization (ONNX 1, 9, 13) over any axes, and LpNormalization (ONNX 1, 22) over one. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/norm/norm_engine.h"
#include "ops/norm/norm_types.h"

#include <stdio.h>

struct axes_row {
    bool powers; /* LpNormalization */
};

struct axes_params {
    int64_t axes[MAX_RANK];
    int count;
    enum norm_inverse inverse;
};

static status powers_parse(struct attributes *attributes, struct axes_params *params, struct error *err) {
    const int64_t p = attribute_int(attributes, "p", 2);
    params->count = 1;
    params->axes[0] = attribute_int(attributes, "axis", -1);
    params->inverse = p == 1 ? INVERSE_ABSOLUTE : INVERSE_LENGTH;
    if (p != 1 && p != 2)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"p\" is %lld, expected 1 or 2", (long long)p);
    return STATUS_OK;
}

/* The experimental form, of pictures. */
static status channels_parse(struct attributes *attributes, struct axes_params *params, struct error *err) {
    const bool across = attribute_int(attributes, "across_channels", 0) != 0;
    *params = (struct axes_params){{2, 3, 1}, across ? 3 : 2, INVERSE_DEVIATION};
    return attribute_int(attributes, "normalize_variance", 1) != 0
               ? STATUS_OK
               : fail(err, STATUS_UNSUPPORTED, "attribute \"normalize_variance\" is only known as 1");
}

static status axes_parse(const struct op_call *call, struct attributes *attributes, void *result, struct error *err) {
    struct axes_params *params = result;
    if (((const struct axes_row *)call->op->row)->powers)
        return powers_parse(attributes, params, err);
    if (call->opset < 9)
        return channels_parse(attributes, params, err);
    params->inverse = INVERSE_DEVIATION;
    attribute_ints(attributes, "axes", params->axes, MAX_RANK, &params->count);
    if (!attribute_has(attributes, "axes")) {
        *params = (struct axes_params){{0, 2, 3}, 3, INVERSE_DEVIATION};
    }
    return STATUS_OK;
}

/* A scalar has one axis. */
static status axes_layout(const struct op_call *call, struct norm_layout *layout, struct error *err) {
    const struct axes_params *params = call->params;
    const int rank = call->inputs[0]->shape.rank;
    *layout = norm_layout_of(&call->inputs[0]->shape, 0);
    for (int i = 0; i < params->count; i++) {
        int axis;
        char what[16];
        snprintf(what, sizeof what, params->count > 1 ? "axes[%d]" : "axis", i);
        const status code = op_axis(params->axes[i], rank ? rank : 1, &axis, what, err);
        if (code != STATUS_OK)
            return code;
        layout->reduced[axis] = true;
    }
    return STATUS_OK;
}

static status axes_infer(struct op_call *call, struct error *err) {
    struct norm_layout layout;
    const status code = axes_layout(call, &layout, err);
    return code == STATUS_OK ? tensor_describe(call->outputs[0], call->inputs[0]->dtype, &call->inputs[0]->shape, err)
                             : code;
}

static status axes_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    struct norm_layout layout;
    const status code = axes_layout(call, &layout, err);
    if (code == STATUS_OK)
        *workspace_bytes = norm_workspace_bytes(&layout);
    return code;
}

static status axes_run(struct op_call *call, struct error *err) {
    const struct axes_params *params = call->params;
    const struct axes_row *row = call->op->row;
    /* The addition of the specification's function body. */
    struct norm_job job = {.dtype = call->inputs[0]->dtype,
                           .centered = !row->powers,
                           .inverse = params->inverse,
                           .epsilon = 1e-9,
                           .x = call->inputs[0]->data,
                           .y = call->outputs[0]->data};
    const status code = axes_layout(call, &job.layout, err);
    if (code == STATUS_OK && call->inputs[0]->bytes > 0)
        norm_run(call, &job);
    return code;
}

/* Where channels alone are a group an element sees its own place. */
static void axes_reach(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    const struct axes_params *params = call->params;
    if (params->count != 1 || params->axes[0] != 1)
        op_reach_whole(call, sees, reach);
    else
        op_reach_beside(NULL, NULL, 0, reach);
}

static const struct op_facts facts = {.reach = axes_reach};
static const struct axes_row variance_row = {false}, powers_row = {true};

#define AXES(NAME, SINCE, INPUT, ROW)                                                                                 \
    {                                                                                                                 \
        .name = NAME, .domain = "", .since = SINCE,                                                                   \
        .inputs = (const struct op_arg[]){{INPUT, TYPES_NORM, ARG_T}, {0}},                                           \
        .outputs = (const struct op_arg[]){{"Y", TYPES_NORM, ARG_T}, {0}}, .storage = STORAGE_IN_PLACE,               \
        .params_size = sizeof(struct axes_params), .parse = axes_parse, .infer = axes_infer, .prepare = axes_prepare, \
        .run = axes_run, .facts = &facts, .row = &(ROW)                                                               \
    }

const struct op ops_axes_norm[] = {
    AXES("MeanVarianceNormalization", 1, "X", variance_row),
    AXES("LpNormalization", 1, "input", powers_row),
    {0},
};
