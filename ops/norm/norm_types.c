#include "ops/norm/norm_types.h"

status norm_same_type(const struct op_call *call, int first, int last, struct error *err) {
    char name[ARG_TEXT_BYTES], other[ARG_TEXT_BYTES];
    for (int i = first; i <= last; i++) {
        const struct tensor *input = op_input(call, i);
        if (input && input->dtype != call->inputs[0]->dtype)
            return fail(err, STATUS_UNSUPPORTED, "%s has element type %s, expected %s as %s",
                        op_input_text(call, i, name), dtype_name(input->dtype), dtype_name(call->inputs[0]->dtype),
                        op_input_text(call, 0, other));
    }
    return STATUS_OK;
}
