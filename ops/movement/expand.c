/* Expand and Tile: an input repeated along its axes. */
#include "base/checked.h"
#include "ops/core/reals.h"
#include "ops/movement/movement.h"

static status infer_expand(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    int64_t target[MAX_RANK];
    int count;
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    const status code = op_input_ints(call, 1, target, MAX_RANK, &count, err);
    if (code != STATUS_OK)
        return code;
    struct shape wanted = {.rank = count}, shape = {.rank = count > input->shape.rank ? count : input->shape.rank};
    memcpy(wanted.dims, target, sizeof target[0] * (size_t)count);
    for (int i = 0; i < shape.rank; i++) {
        const int from_input = i - (shape.rank - input->shape.rank), from_target = i - (shape.rank - count);
        const int64_t size = from_input < 0 ? 1 : input->shape.dims[from_input];
        const int64_t asked = from_target < 0 ? 1 : target[from_target];
        if (asked < 0 || (size != asked && size != 1 && asked != 1))
            return fail(err, STATUS_SHAPE, "cannot expand %s to %s", shape_text(&input->shape, text),
                        shape_text(&wanted, other));
        shape.dims[i] = asked == 1 ? size : asked;
    }
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/* The movement, without dimensions yet; and the strides of input and output. */
static struct movement *start_movement(struct op_call *call, int64_t from[MAX_RANK], int64_t to[MAX_RANK]) {
    struct movement *movement = call->state;
    movement->box.element = dtype_size(call->inputs[0]->dtype);
    strided_dense(&call->inputs[0]->shape, movement->box.element, from);
    strided_dense(&call->outputs[0]->shape, movement->box.element, to);
    return movement;
}

static status prepare_expand(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct tensor *input = call->inputs[0], *output = call->outputs[0];
    int64_t from[MAX_RANK], to[MAX_RANK];
    struct movement *movement = start_movement(call, from, to);
    (void)workspace_bytes;
    (void)err;
    for (int i = 0; i < output->shape.rank; i++) {
        const int axis = i - (output->shape.rank - input->shape.rank);
        const bool repeated = axis < 0 || input->shape.dims[axis] == 1;
        strided_add(&movement->box, output->shape.dims[i], to[i], repeated ? 0 : from[axis]);
    }
    return STATUS_OK;
}

static status infer_tile(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    int64_t repeats[MAX_RANK];
    int count;
    char text[SHAPE_TEXT_BYTES];
    const status code = op_input_ints(call, 1, repeats, MAX_RANK, &count, err);
    if (code != STATUS_OK)
        return code;
    if (count != input->shape.rank)
        return fail(err, STATUS_SHAPE, "input 1 (repeats) has %d numbers for input 0 of shape %s", count,
                    shape_text(&input->shape, text));
    struct shape shape = input->shape;
    for (int i = 0; i < count; i++) {
        if (repeats[i] < 0)
            return fail(err, STATUS_SHAPE, "repeats[%d] is %lld, expected 0 or more", i, (long long)repeats[i]);
        if (!int64_mul(shape.dims[i], repeats[i], &shape.dims[i]))
            return fail(err, STATUS_LIMIT, "input 0 of shape %s is too large for repeats[%d] of %lld",
                        shape_text(&input->shape, text), i, (long long)repeats[i]);
    }
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

/* Before opset 6: so many copies along one axis. */
static status infer_tile_1(struct op_call *call, struct error *err) {
    const struct tensor *input = call->inputs[0];
    struct shape shape = input->shape;
    char text[SHAPE_TEXT_BYTES];
    int64_t copies, where;
    int axis = 0;
    status code = op_scalar_int(call, 1, &copies, err);
    if (code == STATUS_OK)
        code = op_scalar_int(call, 2, &where, err);
    if (code == STATUS_OK)
        code = op_axis(where, shape.rank, &axis, "axis", err);
    if (code != STATUS_OK)
        return code;
    if (copies < 0 || !int64_mul(shape.dims[axis], copies, &shape.dims[axis]))
        return fail(err, STATUS_SHAPE, "%lld copies of input 0 of shape %s are not possible", (long long)copies,
                    shape_text(&input->shape, text));
    return tensor_describe(call->outputs[0], input->dtype, &shape, err);
}

static status prepare_tile(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct tensor *input = call->inputs[0], *output = call->outputs[0];
    int64_t from[MAX_RANK], to[MAX_RANK];
    struct movement *movement = start_movement(call, from, to);
    (void)workspace_bytes;
    (void)err;
    if (output->bytes == 0)
        return STATUS_OK;
    for (int i = 0; i < input->shape.rank; i++) {
        const int64_t size = input->shape.dims[i];
        strided_add(&movement->box, output->shape.dims[i] / size, to[i] * size, 0);
        strided_add(&movement->box, size, to[i], from[i]);
    }
    return STATUS_OK;
}

static const struct op_arg expand_inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {"shape", TYPE(DTYPE_INT64), 0}, {0}};
static const struct op_arg tile_inputs[] = {{"input", TYPES_WHOLE, ARG_T}, {"repeats", TYPE(DTYPE_INT64), 0}, {0}};
#define TYPES_TILE_1 (TYPES_FLOAT | TYPE(DTYPE_DOUBLE) | TYPES_INDEX | TYPES_HALF)
static const struct op_arg tile_1_inputs[] = {
    {"input", TYPES_WHOLE, ARG_T}, {"tiles", TYPES_TILE_1, 0}, {"axis", TYPES_TILE_1, 0}, {0}};
static const struct op_arg outputs[] = {{"output", TYPES_WHOLE, ARG_T}, {0}};

const struct op ops_expand[] = {{.name = "Expand",
                                 .domain = "",
                                 .since = 8,
                                 .inputs = expand_inputs,
                                 .outputs = outputs,
                                 .state_size = sizeof(struct movement),
                                 .infer = infer_expand,
                                 .prepare = prepare_expand,
                                 .run = movement_run},
                                {.name = "Tile",
                                 .domain = "",
                                 .since = 1,
                                 .until = 5,
                                 .inputs = tile_1_inputs,
                                 .outputs = outputs,
                                 .state_size = sizeof(struct movement),
                                 .infer = infer_tile_1,
                                 .prepare = prepare_tile,
                                 .run = movement_run},
                                {.name = "Tile",
                                 .domain = "",
                                 .since = 6,
                                 .inputs = tile_inputs,
                                 .outputs = outputs,
                                 .state_size = sizeof(struct movement),
                                 .infer = infer_tile,
                                 .prepare = prepare_tile,
                                 .run = movement_run},
                                {.name = NULL}};
