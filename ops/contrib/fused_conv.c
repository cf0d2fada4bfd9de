/* onnxruntime's FusedConv (com.microsoft 1): a convolution, plus input Z, and an activation. */
#include "base/simd.h"
#include "ops/conv/conv.h"
#include "ops/core/parallel.h"

enum { IN_Z = 3 };

static status fused_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    const status code = conv_operator_parse(call, attributes, params, err);
    return code == STATUS_OK ? activation_parse(attributes, &((struct window_params *)params)->activation, err) : code;
}

/* The convolution's own inputs alone. */
static struct op_call without_z(const struct op_call *call) {
    struct op_call plain = *call;
    plain.input_count = call->input_count > IN_Z ? IN_Z : call->input_count;
    return plain;
}

static status fused_infer(struct op_call *call, struct error *err) {
    struct op_call plain = without_z(call);
    const struct tensor *z = op_input(call, IN_Z);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    const status code = conv_operator_infer(&plain, err);
    if (code == STATUS_OK && z && !shape_equal(&z->shape, &call->outputs[0]->shape))
        return fail(err, STATUS_SHAPE, "input 3 (Z) is %s, expected %s as the output", shape_text(&z->shape, a),
                    shape_text(&call->outputs[0]->shape, b));
    return code;
}

/* With something to add the activation comes after it. */
static status fused_prepare(struct op_call *call, size_t *workspace_bytes, struct error *err) {
    static const struct activation none = {.kind = ACTIVATION_NONE};
    const struct window_params *params = call->params;
    struct op_call plain = without_z(call);
    struct window window;
    status code = conv_kind.resolve(&plain, &window, err);
    if (code == STATUS_OK)
        code = conv_prepare(&plain, &window, false, op_input(call, IN_Z) ? &none : &params->activation, workspace_bytes,
                            err);
    call->own_bytes = plain.own_bytes;
    return code;
}

static void add_part(void *context, size_t begin, size_t end) {
    const struct op_call *call = context;
    const float *z = call->inputs[IN_Z]->data;
    float *y = call->outputs[0]->data;
    SIMD for (size_t i = begin; i < end; i++) y[i] += z[i];
    activation_run(call->kernels, &((const struct window_params *)call->params)->activation, y + begin, end - begin);
}

static status fused_run(struct op_call *call, struct error *err) {
    struct op_call plain = without_z(call);
    const status code = conv_run(&plain, err);
    if (code == STATUS_OK && op_input(call, IN_Z))
        parallel_blocks((size_t)tensor_elements(call->outputs[0]), PARALLEL_ELEMENTS, call->threads, add_part, call);
    return code;
}

static double fused_macs(const struct op_call *call) {
    const struct op_call plain = without_z(call);
    return conv_operator_macs(&plain);
}

static bool fused_blocks(const struct op_call *call, const int64_t *channels, struct op_blocking *blocking) {
    return !op_input(call, IN_Z) && conv_facts.blocks(call, channels, blocking);
}

static const struct op_facts facts = {.blocks = fused_blocks, .reach = conv_reach};

static const struct op_arg inputs[] = {{"X", TYPES_FLOAT, ARG_T},
                                       {"W", TYPES_FLOAT, ARG_T | ARG_PACKED},
                                       {"B", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {"Z", TYPES_FLOAT, ARG_T | ARG_OPTIONAL},
                                       {0}};

const struct op ops_fused_conv[] = {{.name = "FusedConv",
                                     .domain = "com.microsoft",
                                     .since = 1,
                                     .inputs = inputs,
                                     .outputs = conv_scaled_outputs,
                                     .params_size = sizeof(struct window_params),
                                     .state_size = sizeof(struct conv_state),
                                     .parse = fused_parse,
                                     .infer = fused_infer,
                                     .prepare = fused_prepare,
                                     .run = fused_run,
                                     .release = conv_release,
                                     .macs = fused_macs,
                                     .facts = &facts,
                                     .row = &conv_kind},
                                    {0}};
