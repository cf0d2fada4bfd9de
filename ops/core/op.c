/* Small helpers for operator definitions. */
#include "ops/core/op.h"

#include <stdio.h>
#include <string.h>

const struct op_arg *op_argument(const struct op_arg *arguments, int i) {
    for (; arguments && arguments->name; arguments++, i--)
        if (i == 0 || (arguments->flags & ARG_VARIADIC))
            return arguments;
    return NULL;
}

const char *op_input_text(const struct op_call *call, int i, char text[ARG_TEXT_BYTES]) {
    const struct op_arg *argument = op_argument(call->op->inputs, i);
    snprintf(text, ARG_TEXT_BYTES, "input %d (%.32s)", i, argument ? argument->name : "?");
    return text;
}

status op_needs(const struct op_call *call, int input, struct error *err) {
    char text[ARG_TEXT_BYTES];
    return fail(err, STATUS_NEEDS_VALUE, "%s must be known", op_input_text(call, input, text));
}

status op_input_ints(const struct op_call *call, int input, int64_t *values, int capacity, int *count,
                     struct error *err) {
    char text[ARG_TEXT_BYTES];
    const struct tensor *tensor = op_input(call, input);
    *count = 0;
    if (!tensor)
        return STATUS_OK;
    const int64_t elements = tensor_elements(tensor);
    if (tensor->shape.rank > 1)
        return fail(err, STATUS_SHAPE, "%s has rank %d, expected a list", op_input_text(call, input, text),
                    tensor->shape.rank);
    if (tensor->dtype != DTYPE_INT64 && tensor->dtype != DTYPE_INT32)
        return fail(err, STATUS_INVALID_MODEL, "%s has element type %s, expected int64",
                    op_input_text(call, input, text), dtype_name(tensor->dtype));
    if (elements > capacity)
        return fail(err, STATUS_LIMIT, "%s has %lld numbers, at most %d are possible", op_input_text(call, input, text),
                    (long long)elements, capacity);
    if (op_unknown(call, input))
        return op_needs(call, input, err);
    *count = (int)elements;
    for (int i = 0; i < *count; i++)
        values[i] =
            tensor->dtype == DTYPE_INT64 ? ((const int64_t *)tensor->data)[i] : ((const int32_t *)tensor->data)[i];
    return STATUS_OK;
}

status op_axis(int64_t axis, int rank, int *out, const char *what, struct error *err) {
    if (axis < -rank || axis >= rank)
        return fail(err, STATUS_INVALID_MODEL, "%s is %lld, expected %d..%d for rank %d", what, (long long)axis, -rank,
                    rank - 1, rank);
    *out = (int)(axis < 0 ? axis + rank : axis);
    return STATUS_OK;
}
