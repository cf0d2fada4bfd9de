/* DepthToSpace and SpaceToDepth: blocks of channels become blocks of pixels, and back. */
#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/movement/movement.h"

struct block_params {
    int64_t size;
    bool depth_last; /* mode CRD: a channel's block lies together */
};

static status parse_size(struct attributes *attributes, struct block_params *params, struct error *err) {
    params->size = attribute_int(attributes, "blocksize", 1);
    if (params->size < 1)
        return fail(err, STATUS_INVALID_MODEL, "attribute \"blocksize\" is %lld, expected 1 or more",
                    (long long)params->size);
    return movement_require(attributes, "blocksize", err);
}

static status parse_block(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    (void)call;
    return parse_size(attributes, params, err);
}

static status parse_mode(const struct op_call *call, struct attributes *attributes, void *out, struct error *err) {
    static const char *const modes[] = {"DCR", "CRD", NULL};
    struct block_params *params = out;
    (void)call;
    params->depth_last = attribute_choice(attributes, "mode", modes, 0) == 1;
    return parse_size(attributes, params, err);
}

/* channels * size * size, if it can be had. */
static bool block_channels(int64_t channels, int64_t size, int64_t *out) {
    return int64_mul(channels, size, out) && int64_mul(*out, size, out);
}

static status check_rank(const struct op_call *call, struct error *err) {
    char text[SHAPE_TEXT_BYTES];
    if (call->inputs[0]->shape.rank == 4)
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "input 0 has shape %s, expected [N,C,H,W]",
                shape_text(&call->inputs[0]->shape, text));
}

static status infer_depth_to_space(struct op_call *call, struct error *err) {
    const struct block_params *params = call->params;
    const struct tensor *input = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    int64_t channels;
    if (check_rank(call, err) != STATUS_OK)
        return err->code;
    struct shape shape = input->shape;
    if (!block_channels(1, params->size, &channels) || shape.dims[1] % channels != 0)
        return fail(err, STATUS_SHAPE,
                    "input 0 has shape %s, its channels are not a multiple of blocksize %lld squared",
                    shape_text(&shape, text), (long long)params->size);
    shape.dims[1] /= channels;
    if (!int64_mul(shape.dims[2], params->size, &shape.dims[2]) ||
        !int64_mul(shape.dims[3], params->size, &shape.dims[3]))
        return fail(err, STATUS_LIMIT, "input 0 of shape %s is too large for blocksize %lld",
                    shape_text(&input->shape, text), (long long)params->size);
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

static status infer_space_to_depth(struct op_call *call, struct error *err) {
    const struct block_params *params = call->params;
    const struct tensor *input = call->inputs[0];
    char text[SHAPE_TEXT_BYTES];
    if (check_rank(call, err) != STATUS_OK)
        return err->code;
    struct shape shape = input->shape;
    if (shape.dims[2] % params->size != 0 || shape.dims[3] % params->size != 0)
        return fail(err, STATUS_SHAPE, "input 0 has shape %s, its height and width are not multiples of blocksize %lld",
                    shape_text(&shape, text), (long long)params->size);
    shape.dims[2] /= params->size;
    shape.dims[3] /= params->size;
    if (!block_channels(shape.dims[1], params->size, &shape.dims[1]))
        return fail(err, STATUS_LIMIT, "input 0 of shape %s is too large for blocksize %lld",
                    shape_text(&input->shape, text), (long long)params->size);
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/*
 * `deep` is the tensor whose channels hold the blocks, `wide` the other one. The dimensions of wide, split into block
 * and place, with the strides that go with them in each tensor.
 */
struct split_dim {
    int64_t size, wide, deep;
};

static void split_dims(const struct op_call *call, const struct tensor *deep, const struct tensor *wide,
                       struct split_dim dims[6]) {
    const struct block_params *params = call->params;
    const int64_t block = params->size, channels = wide->shape.dims[1];
    int64_t w[MAX_RANK], d[MAX_RANK];
    strided_dense(&wide->shape, dtype_size(wide->dtype), w);
    strided_dense(&deep->shape, dtype_size(deep->dtype), d);
    const int64_t column = params->depth_last ? d[1] : d[1] * channels;
    dims[0] = (struct split_dim){wide->shape.dims[0], w[0], d[0]};
    dims[1] = (struct split_dim){channels, w[1], params->depth_last ? d[1] * block * block : d[1]};
    dims[2] = (struct split_dim){deep->shape.dims[2], w[2] * block, d[2]};
    dims[3] = (struct split_dim){block, w[2], column * block};
    dims[4] = (struct split_dim){deep->shape.dims[3], w[3] * block, d[3]};
    dims[5] = (struct split_dim){block, w[3], column};
}

/* deepen: the output is the deep one. order: the dimensions as they follow each other in the output. */
static status prepare(struct op_call *call, bool deepen, const int order[6]) {
    struct movement *movement = call->state;
    struct split_dim dims[6];
    if (call->outputs[0]->bytes == 0)
        return STATUS_OK;
    split_dims(call, deepen ? call->outputs[0] : call->inputs[0], deepen ? call->inputs[0] : call->outputs[0], dims);
    movement->box.element = dtype_size(call->inputs[0]->dtype);
    for (int i = 0; i < 6; i++) {
        const struct split_dim *dim = &dims[order[i]];
        strided_add(&movement->box, dim->size, deepen ? dim->deep : dim->wide, deepen ? dim->wide : dim->deep);
    }
    return STATUS_OK;
}

static status prepare_depth_to_space(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    static const int order[6] = {0, 1, 2, 3, 4, 5};
    (void)workspace_bytes;
    (void)err;
    return prepare(call, false, order);
}

static status prepare_space_to_depth(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    static const int orders[2][6] = {{0, 3, 5, 1, 2, 4}, {0, 1, 3, 5, 2, 4}}; /* as the channels of the output run */
    (void)workspace_bytes;
    (void)err;
    return prepare(call, true, orders[((const struct block_params *)call->params)->depth_last]);
}

static void reach_depth_to_space(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    const double size = (double)((const struct block_params *)call->params)->size;
    (void)sees;
    *reach = (struct op_reach){.radius = size, .step = 1 / size};
}

static void reach_space_to_depth(const struct op_call *call, const bool *sees, struct op_reach *reach) {
    const double size = (double)((const struct block_params *)call->params)->size;
    (void)sees;
    *reach = (struct op_reach){.radius = size, .step = size};
}

static const struct op_facts facts_depth_to_space = {.moves = true, .reach = reach_depth_to_space};
static const struct op_facts facts_space_to_depth = {.moves = true, .reach = reach_space_to_depth};

static const struct op_arg inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

#define BLOCK_OP(op_name, first, last, parse_function, direction)                                                    \
    {                                                                                                                \
        .name = op_name, .domain = "", .since = first, .until = last, .inputs = inputs, .outputs = outputs,          \
        .params_size = sizeof(struct block_params), .state_size = sizeof(struct movement), .parse = parse_function,  \
        .infer = infer_##direction, .prepare = prepare_##direction, .run = movement_run, .facts = &facts_##direction \
    }

const struct op ops_depth_to_space[] = {BLOCK_OP("DepthToSpace", 1, 10, parse_block, depth_to_space),
                                        BLOCK_OP("DepthToSpace", 11, 0, parse_mode, depth_to_space),
                                        BLOCK_OP("SpaceToDepth", 1, 27, parse_block, space_to_depth),
                                        BLOCK_OP("SpaceToDepth", 28, 0, parse_mode, space_to_depth),
                                        {.name = NULL}};
