#include "ops/elementwise/binary_old.h"

#include "ops/core/attributes.h"
#include "ops/core/broadcast.h"

status binary_old_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    struct binary_old_params *p = params;
    (void)call;
    (void)err;
    p->broadcast = attribute_int(attributes, "broadcast", 0) != 0;
    p->aligned = attribute_has(attributes, "axis");
    p->axis = attribute_int(attributes, "axis", 0);
    return STATUS_OK;
}

/* The shape of input 1 with as many ones behind it as there are dimensions of input 0 behind its place. */
static status align(const struct op_call *call, struct shape *shape, struct error *err) {
    const struct binary_old_params *params = call->params;
    const struct shape *a = &call->inputs[0]->shape, *b = &call->inputs[1]->shape;
    char first[SHAPE_TEXT_BYTES], second[SHAPE_TEXT_BYTES];
    int axis = 0;
    *shape = *b;
    if (!params->broadcast)
        return shape_equal(a, b)
                   ? STATUS_OK
                   : fail(err, STATUS_SHAPE, "inputs 0 %s and 1 %s differ in shape, and attribute \"broadcast\" is 0",
                          shape_text(a, first), shape_text(b, second));
    if (params->aligned && b->rank > 0 && op_axis(params->axis, a->rank, &axis, "axis", err) != STATUS_OK)
        return err->code;
    if (params->aligned && axis + b->rank <= a->rank)
        while (shape->rank < a->rank - axis)
            shape->dims[shape->rank++] = 1;
    if (!broadcast_fits(shape, a) || (params->aligned && axis + b->rank > a->rank))
        return fail(err, STATUS_SHAPE, "input 1 %s does not repeat to input 0 %s from dimension %d on",
                    shape_text(b, second), shape_text(a, first), params->aligned ? axis : a->rank - b->rank);
    return STATUS_OK;
}

status binary_old_with(struct op_call *call, binary_old_then *then, struct error *err) {
    struct tensor b = *call->inputs[1];
    const struct tensor *inputs[] = {call->inputs[0], &b};
    struct op_call aligned = *call;
    aligned.inputs = inputs;
    const status code = align(call, &b.shape, err);
    return code == STATUS_OK ? then(&aligned, err) : code;
}

status binary_old_infer(struct op_call *call, struct error *err) {
    return binary_old_with(call, binary_infer, err);
}

status binary_old_run(struct op_call *call, struct error *err) {
    return binary_old_with(call, binary_run, err);
}
