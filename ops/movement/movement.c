#include "ops/movement/movement.h"

#include "ops/core/attributes.h"

#include <stdio.h>

status movement_run(struct op_call *call, struct error *err) {
    (void)err;
    const struct movement *movement = call->state;
    if (call->outputs[0]->bytes)
        strided_copy(&movement->box, call->outputs[0]->data, (const char *)call->inputs[0]->data + movement->offset,
                     call->threads);
    return STATUS_OK;
}

status movement_alias(struct op_call *call, struct error *err) {
    (void)err;
    struct tensor *output = op_output(call, 0);
    if (output && dtype_is_boxed(output->dtype))
        tensor_copy(output->data, call->inputs[0]);
    else if (output && output->data != call->inputs[0]->data)
        strided_move(output->data, call->inputs[0]->data, output->bytes, call->threads);
    return STATUS_OK;
}

status movement_axes(const int64_t *axes, int count, int rank, int *out, struct error *err) {
    unsigned seen = 0;
    for (int i = 0; i < count; i++) {
        char what[32];
        snprintf(what, sizeof what, "axes[%d]", i);
        const status code = op_axis(axes[i], rank, &out[i], what, err);
        if (code != STATUS_OK)
            return code;
        if (seen >> out[i] & 1)
            return fail(err, STATUS_INVALID_MODEL, "%s is %lld, an axis that is there already", what,
                        (long long)axes[i]);
        seen |= 1u << out[i];
    }
    return STATUS_OK;
}

status movement_require(const struct attributes *attributes, const char *name, struct error *err) {
    if (attribute_has(attributes, name))
        return STATUS_OK;
    return fail(err, STATUS_INVALID_MODEL, "attribute \"%s\" is missing", name);
}
