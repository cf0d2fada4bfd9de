#include "ops/core/op_infer.h"

#include "ops/core/op_types.h"

static int formal_inputs(const struct op *op) {
    int count = 0;
    while (op->inputs && op->inputs[count].name)
        count++;
    return count;
}

static status check_input_count(const struct op_call *call, struct error *err) {
    char text[ARG_TEXT_BYTES];
    const int formals = formal_inputs(call->op);
    if (call->input_count > formals && !op_argument(call->op->inputs, call->input_count - 1))
        return fail(err, STATUS_INVALID_MODEL, "%d inputs, at most %d are known", call->input_count, formals);
    for (int i = 0; i < formals || i < call->input_count; i++)
        if (!op_input(call, i) && !(op_argument(call->op->inputs, i)->flags & ARG_OPTIONAL))
            return fail(err, STATUS_INVALID_MODEL, "%s is missing", op_input_text(call, i, text));
    return STATUS_OK;
}

status op_check_counts(const struct op_call *call, struct error *err) {
    bool wanted = false;
    if (check_input_count(call, err) != STATUS_OK)
        return err->code;
    for (int i = 0; i < call->output_count; i++) {
        if (call->outputs[i] && !op_argument(call->op->outputs, i))
            return fail(err, STATUS_INVALID_MODEL, "output %d is not known at this opset", i);
        wanted = wanted || call->outputs[i];
    }
    return wanted ? STATUS_OK : fail(err, STATUS_INVALID_MODEL, "no output is named");
}

static status check_types(const struct op_call *call, struct error *err) {
    struct op_types types = {0};
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i] && op_types_add(&types, call->op, i, call->inputs[i]->dtype, err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

status op_infer(struct op_call *call, struct error *err) {
    status code = op_check_counts(call, err);
    if (code == STATUS_OK)
        code = check_types(call, err);
    if (code == STATUS_OK)
        code = call->op->infer(call, err);
    for (int i = 0; code == STATUS_OK && i < call->output_count; i++)
        if (call->outputs[i] && call->outputs[i]->dtype == DTYPE_UNDEFINED)
            return fail(err, STATUS_UNSUPPORTED, "output %d is not made by this operator", i);
    return code;
}
