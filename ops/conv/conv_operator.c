#include "ops/conv/conv_operator.h"

#include "ops/conv/conv_double.h"

status conv_operator_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    return window_parse(call, attributes, conv_kind_of(call)->transposed, params, err);
}

status conv_operator_infer(struct op_call *call, struct error *err) {
    struct window window;
    const status code = conv_kind_of(call)->resolve(call, &window, err);
    return code == STATUS_OK ? window_describe(call, &window, call->inputs[0]->dtype, err) : code;
}

status conv_operator_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    const struct window_params *params = call->params;
    const struct conv_kind *kind = conv_kind_of(call);
    struct window window;
    const status code = kind->resolve(call, &window, err);
    if (code == STATUS_OK && call->inputs[0]->dtype == DTYPE_DOUBLE)
        return STATUS_OK;
    return code == STATUS_OK ? conv_prepare(call, &window, kind->transposed, &params->activation, workspace_bytes, err)
                             : code;
}

status conv_operator_run(struct op_call *call, struct error *err) {
    const struct conv_kind *kind = conv_kind_of(call);
    struct window window;
    if (call->inputs[0]->dtype == DTYPE_FLOAT)
        return conv_run(call, err);
    const status code = kind->resolve(call, &window, err);
    if (code == STATUS_OK)
        conv_double_run(call, &window, kind->transposed);
    return code;
}

double conv_operator_macs(const struct op_call *call) {
    const struct conv_kind *kind = conv_kind_of(call);
    struct window window;
    struct error err;
    return kind->resolve(call, &window, &err) == STATUS_OK ? conv_macs(&window, kind->transposed) : 0;
}

#define TYPES_REAL (TYPES_FLOAT | TYPE(DTYPE_DOUBLE))
const struct op_arg conv_inputs[] = {{"X", TYPES_REAL, ARG_T},
                                     {"W", TYPES_REAL, ARG_T | ARG_PACKED},
                                     {"B", TYPES_REAL, ARG_T | ARG_OPTIONAL},
                                     {NULL, 0, 0}};
const struct op_arg conv_outputs[] = {{"Y", TYPES_REAL, ARG_T}, {NULL, 0, 0}};
const struct op_arg conv_scaled_inputs[] = {{"X", TYPES_FLOAT, ARG_T},
                                            {"W", TYPES_FLOAT, ARG_T | ARG_PACKED},
                                            {"B", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                            {"scale", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                            {NULL, 0, 0}};
const struct op_arg conv_scaled_outputs[] = {{"Y", TYPES_FLOAT, ARG_T}, {NULL, 0, 0}};
