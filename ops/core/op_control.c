#include "ops/core/op_control.h"

status op_control_infer(struct op_call *call, struct error *err) {
    (void)call;
    return fail(err, STATUS_NEEDS_VALUE, "the subgraphs must be planned");
}

status op_control_run(struct op_call *call, struct error *err) {
    return fail(err, STATUS_UNSUPPORTED, "%s runs in a session only", call->op->name);
}

status op_control_check(const struct graph *body, const char *name, int inputs, int outputs, struct error *err) {
    if (body->input_count != inputs)
        return fail(err, STATUS_INVALID_MODEL, "%s has %d inputs, expected %d", name, body->input_count, inputs);
    if (body->output_count < outputs)
        return fail(err, STATUS_INVALID_MODEL, "%s has %d outputs, expected at least %d", name, body->output_count,
                    outputs);
    return STATUS_OK;
}

status op_control_number(const struct op_call *call, int i, int64_t fallback, int64_t *number, struct error *err) {
    char text[ARG_TEXT_BYTES];
    const struct tensor *tensor = op_input(call, i);
    *number = fallback;
    if (!tensor)
        return STATUS_OK;
    if (tensor_elements(tensor) != 1)
        return fail(err, STATUS_SHAPE, "%s has %lld elements, expected one", op_input_text(call, i, text),
                    (long long)tensor_elements(tensor));
    if (tensor->dtype != DTYPE_BOOL && tensor->dtype != DTYPE_INT64)
        return fail(err, STATUS_INVALID_MODEL, "%s has element type %s, expected bool or int64",
                    op_input_text(call, i, text), dtype_name(tensor->dtype));
    if (!tensor->data)
        return op_needs(call, i, err);
    *number = tensor->dtype == DTYPE_BOOL ? *(const unsigned char *)tensor->data != 0 : *(const int64_t *)tensor->data;
    return STATUS_OK;
}
