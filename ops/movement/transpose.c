/* Transpose: the output's axes in another order; MoveAxis (internal): one of them elsewhere. */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct transpose_params {
    int count; /* of perm; -1: absent, all axes reversed; -2: axis perm[0] becomes axis perm[1] */
    int64_t perm[MAX_RANK];
};

static status parse(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct transpose_params *params = out;
    (void)call;
    (void)err;
    attribute_ints(attributes, "perm", params->perm, MAX_RANK, &params->count);
    if (!attribute_has(attributes, "perm"))
        params->count = -1;
    return STATUS_OK;
}

static status parse_move(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    struct transpose_params *params = out;
    (void)call;
    (void)err;
    params->count = -2;
    params->perm[0] = attribute_int(attributes, "from", 0);
    params->perm[1] = attribute_int(attributes, "to", 0);
    return STATUS_OK;
}

static status moved(const struct transpose_params *params, int rank, int perm[MAX_RANK], struct error *err) {
    int from, to;
    if (op_axis(params->perm[0], rank, &from, "from", err) || op_axis(params->perm[1], rank, &to, "to", err))
        return err->code;
    for (int i = 0; i < rank; i++)
        perm[i] = i == to ? from : i - (i > to) + (i - (i > to) >= from);
    return STATUS_OK;
}

static status permutation(const struct op_call *call, int perm[MAX_RANK], struct error *err) {
    const struct transpose_params *params = call->params;
    const int rank = call->inputs[0]->shape.rank;
    unsigned seen = 0;
    if (params->count == -2)
        return moved(params, rank, perm, err);
    if (params->count < 0) {
        for (int i = 0; i < rank; i++)
            perm[i] = rank - 1 - i;
        return STATUS_OK;
    }
    if (params->count != rank)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"perm\" has %d numbers, input 0 has rank %d", params->count,
                    rank);
    for (int i = 0; i < rank; i++) {
        const status code = op_axis(params->perm[i], rank, &perm[i], "perm", err);
        if (code != STATUS_OK)
            return code;
        if (seen >> perm[i] & 1)
            return fail(err, STATUS_INVALID_MODEL, "attribute \"perm\" holds axis %d twice", perm[i]);
        seen |= 1u << perm[i];
    }
    return STATUS_OK;
}

static status infer(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    int perm[MAX_RANK];
    const status code = permutation(call, perm, err);
    if (code != STATUS_OK)
        return code;
    struct shape shape = {.rank = input->shape.rank};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = input->shape.dims[perm[i]];
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

static status prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct tensor *input = call->inputs[0], *output = call->outputs[0];
    struct movement *movement = call->state;
    int64_t from[MAX_RANK], to[MAX_RANK];
    int perm[MAX_RANK];
    (void)workspace_bytes;
    const status code = permutation(call, perm, err);
    if (code != STATUS_OK)
        return code;
    const size_t element = dtype_size(input->dtype);
    strided_dense(&input->shape, element, from);
    strided_dense(&output->shape, element, to);
    movement->box.element = element;
    for (int i = 0; i < output->shape.rank; i++)
        strided_add(&movement->box, output->shape.dims[i], to[i], from[perm[i]]);
    return STATUS_OK;
}

static bool is_noop(const struct op_call *call) {
    const struct transpose_params *params = call->params;
    for (int i = 0; i < params->count; i++)
        if (params->perm[i] != i)
            return false;
    return params->count > 0;
}

static const struct op_facts facts = {.moves = true, .is_noop = is_noop};

static const struct op_arg inputs[] = {{"data", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"transposed", TYPES_WHOLE, ARG_T}, {0}};

#define TRANSPOSE(NAME, DOMAIN, PARSE)                                                                         \
    {                                                                                                          \
        .name = NAME, .domain = DOMAIN, .since = 1, .inputs = inputs, .outputs = outputs,                      \
        .params_size = sizeof(struct transpose_params), .state_size = sizeof(struct movement), .parse = PARSE, \
        .infer = infer, .prepare = prepare, .run = movement_run, .facts = &facts                               \
    }

const struct op ops_transpose[] = {
    TRANSPOSE("Transpose", "", parse), TRANSPOSE("MoveAxis", INTERNAL_DOMAIN, parse_move), {.name = NULL}};
