/* What every operator's call goes through: checks of inputs and outputs, and small helpers for the records. */
#include "ops/core/op.h"

#include <stdio.h>
#include <string.h>

/* The formal argument that actual number i belongs to; the last variadic one takes the rest. NULL beyond the list. */
static const struct op_arg *formal(const struct op_arg *arguments, int i) {
    if (!arguments)
        return NULL;
    for (; arguments->name; arguments++, i--)
        if (i == 0 || (arguments->flags & ARG_VARIADIC))
            return arguments;
    return NULL;
}

const char *op_input_text(const struct op_call *call, int i, char text[ARG_TEXT_BYTES]) {
    const struct op_arg *argument = formal(call->op->inputs, i);
    snprintf(text, ARG_TEXT_BYTES, "input %d (%.32s)", i, argument ? argument->name : "?");
    return text;
}

status op_needs(const struct op_call *call, int input, struct error *err) {
    char text[ARG_TEXT_BYTES];
    return fail(err, STATUS_NEEDS_VALUE, "%s must be known", op_input_text(call, input, text));
}

static void append_types(struct error *err, uint32_t types) {
    const char *separator = "";
    for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
        if (types >> dtype & 1) {
            error_append(err, "%s%s", separator, dtype_name(dtype));
            separator = ", ";
        }
}

static status check_input(const struct op_call *call, int i, const struct op_arg *argument, struct error *err) {
    char text[ARG_TEXT_BYTES];
    const struct tensor *tensor = op_input(call, i);
    if (!tensor) {
        if (argument->flags & ARG_OPTIONAL)
            return STATUS_OK;
        return fail(err, STATUS_INVALID_MODEL, "%s is missing", op_input_text(call, i, text));
    }
    if (!(argument->types >> tensor->dtype & 1)) {
        fail(err, STATUS_UNSUPPORTED, "%s has element type %s, supported: ", op_input_text(call, i, text),
             dtype_name(tensor->dtype));
        append_types(err, argument->types);
        return err->code;
    }
    const struct tensor *first = op_input(call, 0);
    if ((argument->flags & ARG_SAME) && first && tensor->dtype != first->dtype)
        return fail(err, STATUS_INVALID_MODEL, "%s has element type %s, expected %s as input 0",
                    op_input_text(call, i, text), dtype_name(tensor->dtype), dtype_name(first->dtype));
    return STATUS_OK;
}

static status check_inputs(const struct op_call *call, struct error *err) {
    int formals = 0;
    bool variadic = false;
    for (const struct op_arg *argument = call->op->inputs; argument && argument->name; argument++, formals++) {
        const status code = check_input(call, formals, argument, err);
        if (code != STATUS_OK)
            return code;
        variadic = (argument->flags & ARG_VARIADIC) != 0;
    }
    for (int i = formals; i < call->input_count; i++) {
        if (!variadic)
            return fail(err, STATUS_INVALID_MODEL, "%d inputs, at most %d are known", call->input_count, formals);
        const status code = check_input(call, i, &call->op->inputs[formals - 1], err);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}

static status check_outputs(const struct op_call *call, struct error *err) {
    bool wanted = false;
    for (int i = 0; i < call->output_count; i++) {
        if (call->outputs[i] && !formal(call->op->outputs, i))
            return fail(err, STATUS_INVALID_MODEL, "output %d is not known at this opset", i);
        wanted = wanted || call->outputs[i];
    }
    return wanted ? STATUS_OK : fail(err, STATUS_INVALID_MODEL, "no output is named");
}

status op_infer(struct op_call *call, struct error *err) {
    status code = check_inputs(call, err);
    if (code == STATUS_OK)
        code = check_outputs(call, err);
    if (code == STATUS_OK)
        code = call->op->infer(call, err);
    for (int i = 0; code == STATUS_OK && i < call->output_count; i++)
        if (call->outputs[i] && call->outputs[i]->dtype == DTYPE_UNDEFINED)
            return fail(err, STATUS_UNSUPPORTED, "output %d is not made by this operator", i);
    return code;
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
