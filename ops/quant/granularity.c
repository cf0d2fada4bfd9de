#include "ops/quant/granularity.h"

static status check_zero_point(const struct op_call *call, int scale, struct error *err) {
    const struct tensor *s = call->inputs[scale], *zero = op_input(call, scale + 1);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES], other[ARG_TEXT_BYTES];
    if (!zero || shape_equal(&s->shape, &zero->shape) || (tensor_elements(s) == 1 && tensor_elements(zero) == 1))
        return STATUS_OK;
    return fail(err, STATUS_SHAPE, "%s is %s, expected %s as %s", op_input_text(call, scale + 1, name),
                shape_text(&zero->shape, a), shape_text(&s->shape, b), op_input_text(call, scale, other));
}

static status wrong_shape(const struct op_call *call, int scale, struct error *err) {
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES], name[ARG_TEXT_BYTES];
    return fail(err, STATUS_SHAPE, "%s is %s, which fits neither the axis nor the blocks of input 0 %s",
                op_input_text(call, scale, name), shape_text(&call->inputs[scale]->shape, a),
                shape_text(&call->inputs[0]->shape, b));
}

/* Blocks of block_size along the axis; without block_size, of as many as make so many scales. */
static status find_blocks(const struct op_call *call, const struct granularity_params *params, int scale, int axis,
                          struct granularity *g, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape, *s = &call->inputs[scale]->shape;
    const int64_t length = x->dims[axis], count = s->dims[axis];
    for (int d = 0; d < x->rank; d++)
        if (d != axis && s->dims[d] != x->dims[d])
            return wrong_shape(call, scale, err);
    g->block = params->block > 0 ? params->block : count > 0 ? (length + count - 1) / count : 1;
    g->block = g->block > 0 ? g->block : 1;
    if (count != (length + g->block - 1) / g->block)
        return wrong_shape(call, scale, err);
    g->outer_step = count * g->inner;
    g->step = g->inner;
    g->inner_step = 1;
    return STATUS_OK;
}

status granularity_of(const struct op_call *call, const struct granularity_params *params, int scale,
                      struct granularity *out, struct error *err) {
    const struct shape *x = &call->inputs[0]->shape, *s = &call->inputs[scale]->shape;
    int axis;
    *out = (struct granularity){.length = 1, .inner = 1, .block = 1};
    if (check_zero_point(call, scale, err) != STATUS_OK)
        return err->code;
    out->single = s->rank == 0 || (s->rank == 1 && s->dims[0] == 1 && params->block == 0);
    if (out->single)
        return STATUS_OK;
    if (op_axis(params->axis, x->rank, &axis, "attribute \"axis\"", err) != STATUS_OK)
        return err->code;
    out->length = x->dims[axis];
    for (int d = axis + 1; d < x->rank; d++)
        out->inner *= x->dims[d];
    if (s->rank == x->rank && (s->rank > 1 || params->block > 0))
        return find_blocks(call, params, scale, axis, out, err);
    out->step = 1;
    return s->rank == 1 && s->dims[0] == out->length ? STATUS_OK : wrong_shape(call, scale, err);
}

void granularity_list(const struct granularity *g, size_t first, size_t count, size_t *numbers) {
    int64_t i = (int64_t)first % g->inner, d = (int64_t)first / g->inner % g->length;
    int64_t o = (int64_t)first / g->inner / g->length;
    for (size_t k = 0; k < count; k++) {
        numbers[k] = (size_t)(o * g->outer_step + d / g->block * g->step + i * g->inner_step);
        if (++i < g->inner)
            continue;
        i = 0;
        if (++d < g->length)
            continue;
        d = 0;
        o++;
    }
}
