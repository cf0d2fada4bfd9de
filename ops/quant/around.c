/*
 * com.microsoft's operators that compute with quantized numbers as with real ones: each stands for an operator of ONNX
 * between DequantizeLinear and QuantizeLinear, which a pass writes in its place (op_facts.h, quantized).
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/quant/numbers.h"

static status infer(struct op_call *call, struct error *err) {
    (void)call;
    return fail(err, STATUS_UNSUPPORTED, "the operator has not been replaced by those that it stands for");
}

/* Attributes of the operator inside, which are read there. */
static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const inner[] = {"axis",         "alpha",   "auto_pad", "ceil_mode", "count_include_pad",
                                        "kernel_shape", "strides", "pads",     NULL};
    const struct op_quantized *quantized = op_facts(call->op)->quantized;
    const bool by_channel = attribute_int(attributes, "channels_last", 0) == 0;
    const int64_t opset = attribute_int(attributes, "opset", 13), axis = attribute_int(attributes, "axis", -1);
    (void)params;
    for (int i = 0; inner[i]; i++)
        attribute_ignore(attributes, inner[i]);
    if (!by_channel)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"channels_last\" is 1: channels must be dimension 1");
    if (opset < 13 && axis != -1)
        return fail(err, STATUS_UNSUPPORTED, "attribute \"opset\" is %lld, expected 13 or more", (long long)opset);
    return op_input(call, quantized->output + 1)
               ? STATUS_OK
               : fail(err, STATUS_UNSUPPORTED, "input %d, the result's zero point, is missing", quantized->output + 1);
}

#define SCALE(NAME) \
    { NAME, TYPES_FLOAT, ARG_T1 }
#define DATA(NAME) \
    { NAME, TYPES_INT8, ARG_T }
#define ZERO(NAME) \
    { NAME, TYPES_INT8, ARG_T | ARG_OPTIONAL }
#define QUANTIZED(NAME, INNER, FIRST, COUNT, OUTPUT, ...)                                                         \
    {                                                                                                             \
        .name = NAME, .domain = "com.microsoft", .since = 1, .inputs = (const struct op_arg[]){__VA_ARGS__, {0}}, \
        .outputs = (const struct op_arg[]){{"Y", TYPES_INT8, ARG_T}, {0}}, .parse = parse, .infer = infer,        \
        .run = infer, .facts = &(const struct op_facts) {                                                         \
            .quantized = &(const struct op_quantized) {                                                           \
                INNER, FIRST, COUNT, OUTPUT                                                                       \
            }                                                                                                     \
        }                                                                                                         \
    }
#define ONE(NAME, INNER)                                                                                 \
    QUANTIZED(NAME, INNER, 0, 1, 3, DATA("X"), SCALE("X_scale"), ZERO("X_zero_point"), SCALE("Y_scale"), \
              ZERO("Y_zero_point"))
#define TWO(NAME, INNER)                                                                                            \
    QUANTIZED(NAME, INNER, 0, 2, 6, DATA("A"), SCALE("A_scale"), ZERO("A_zero_point"), DATA("B"), SCALE("B_scale"), \
              ZERO("B_zero_point"), SCALE("C_scale"), ZERO("C_zero_point"))

const struct op ops_quant_around[] = {
    TWO("QLinearAdd", "Add"),
    TWO("QLinearMul", "Mul"),
    ONE("QLinearSigmoid", "Sigmoid"),
    ONE("QLinearLeakyRelu", "LeakyRelu"),
    ONE("QLinearSoftmax", "Softmax"),
    ONE("QLinearAveragePool", "AveragePool"),
    ONE("QLinearGlobalAveragePool", "GlobalAveragePool"),
    QUANTIZED("QLinearConcat", "Concat", 2, 0, 0, SCALE("Y_scale"), {"Y_zero_point", TYPES_INT8, ARG_T},
              {"inputs", TYPES_INT8 | TYPES_FLOAT, ARG_VARIADIC}),
    {0},
};
