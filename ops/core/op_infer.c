#include "ops/core/op_infer.h"

#include "ops/core/op_types.h"

static status check_input(const struct op_call *call, int i, struct op_types *types, struct error *err) {
    char text[ARG_TEXT_BYTES];
    const struct op_arg *argument = op_argument(call->op->inputs, i);
    const struct tensor *tensor = op_input(call, i);
    if (tensor)
        return op_types_add(types, call->op, i, tensor->dtype, err);
    if (argument->flags & ARG_OPTIONAL)
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "%s is missing", op_input_text(call, i, text));
}

static status check_inputs(const struct op_call *call, struct error *err) {
    struct op_types types = {0};
    int formals = 0;
    while (call->op->inputs && call->op->inputs[formals].name)
        formals++;
    if (call->input_count > formals && !op_argument(call->op->inputs, call->input_count - 1))
        return fail(err, STATUS_INVALID_MODEL, "%d inputs, at most %d are known", call->input_count, formals);
    for (int i = 0; i < formals || i < call->input_count; i++)
        if (check_input(call, i, &types, err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

static status check_outputs(const struct op_call *call, struct error *err) {
    bool wanted = false;
    for (int i = 0; i < call->output_count; i++) {
        if (call->outputs[i] && !op_argument(call->op->outputs, i))
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
