/*
 * com.microsoft's operators that compute with quantized numbers as with real ones: each stands for an operator of ONNX
 * between DequantizeLinear and QuantizeLinear, which a pass writes in its place (op_facts.h, quantized).
 */
#include "ops/core/attributes.h"
#include "ops/core/op_facts.h"
#include "ops/quant/numbers.h"

static status infer(struct op_call *call, struct error *err) {
    (void)call;
    return fail(err, STATUS_UNSUPPORTED,
                "the operator cannot be written as those that it stands for at this operator set");
}

/* Attributes of the operator inside, which are read there. */
static status parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const inner[] = {"axis",          "alpha",   "auto_pad", "ceil_mode", "count_include_pad",
                                        "kernel_shape",  "strides", "pads",     "dilations", "group",
                                        "channels_last", NULL};
    const struct op_quantized *quantized = op_facts(call->op)->quantized;
    attribute_ignore(attributes, "opset");
    (void)params;
    for (int i = 0; inner[i]; i++)
        attribute_ignore(attributes, inner[i]);
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
        .outputs = outputs, .parse = parse, .infer = infer, .run = infer, .facts = &(const struct op_facts) {     \
            .quantized = &(const struct op_quantized) {                                                           \
                INNER, FIRST, COUNT, OUTPUT, 0, false, false                                                      \
            }                                                                                                     \
        }                                                                                                         \
    }
#define ONE(NAME, INNER)                                                                                 \
    QUANTIZED(NAME, INNER, 0, 1, 3, DATA("X"), SCALE("X_scale"), ZERO("X_zero_point"), SCALE("Y_scale"), \
              ZERO("Y_zero_point"))
#define TWO(NAME, INNER)                                                                                            \
    QUANTIZED(NAME, INNER, 0, 2, 6, DATA("A"), SCALE("A_scale"), ZERO("A_zero_point"), DATA("B"), SCALE("B_scale"), \
              ZERO("B_zero_point"), SCALE("C_scale"), ZERO("C_zero_point"))

static const struct op_arg outputs[] = {{"Y", TYPES_INT8, ARG_T}, {0}};
static const struct op_facts softmax_facts = {
    .quantized = &(const struct op_quantized){"Softmax", .count = 1, .output = 3, .by_axis = true}};
static const struct op_arg softmax_inputs[] = {DATA("X"),        SCALE("X_scale"),     ZERO("X_zero_point"),
                                               SCALE("Y_scale"), ZERO("Y_zero_point"), {0}};
static const struct op_facts where_facts = {
    .quantized = &(const struct op_quantized){"Where", .first = 1, .count = 2, .output = 7, .lead = 1}};
/* ONNX's own operator but for the layout. */
static const struct op_facts conv_facts = {
    .quantized = &(const struct op_quantized){"QLinearConv", .count = 1, .output = 6, .itself = true}};
static const struct op_arg conv_inputs[] = {DATA("x"),
                                            {"x_scale", TYPES_FLOAT, 0},
                                            {"x_zero_point", TYPES_INT8, ARG_T},
                                            {"w", TYPES_INT8, ARG_T2},
                                            {"w_scale", TYPES_FLOAT, 0},
                                            {"w_zero_point", TYPES_INT8, ARG_T2},
                                            {"y_scale", TYPES_FLOAT, 0},
                                            {"y_zero_point", TYPES_INT8, ARG_T3},
                                            {"B", TYPE(DTYPE_INT32), ARG_OPTIONAL},
                                            {0}};

const struct op ops_quant_around[] = {
    TWO("QLinearAdd", "Add"),
    TWO("QLinearMul", "Mul"),
    ONE("QLinearSigmoid", "Sigmoid"),
    ONE("QLinearLeakyRelu", "LeakyRelu"),
    {.name = "QLinearSoftmax",
     .domain = "com.microsoft",
     .since = 1,
     .inputs = softmax_inputs,
     .outputs = outputs,
     .parse = parse,
     .infer = infer,
     .run = infer,
     .facts = &softmax_facts},
    ONE("QLinearAveragePool", "AveragePool"),
    ONE("QLinearGlobalAveragePool", "GlobalAveragePool"),
    QUANTIZED("QLinearConcat", "Concat", 2, 0, 0, SCALE("Y_scale"), {"Y_zero_point", TYPES_INT8, ARG_T},
              {"inputs", TYPES_INT8 | TYPES_FLOAT, ARG_VARIADIC}),
    {.name = "QLinearWhere",
     .domain = "com.microsoft",
     .since = 1,
     .inputs = (const struct op_arg[]){{"condition", TYPES_BOOL, 0},
                                       DATA("X"),
                                       SCALE("x_scale"),
                                       ZERO("x_zero_point"),
                                       DATA("Y"),
                                       SCALE("y_scale"),
                                       ZERO("y_zero_point"),
                                       SCALE("z_scale"),
                                       ZERO("z_zero_point"),
                                       {0}},
     .outputs = outputs,
     .parse = parse,
     .infer = infer,
     .run = infer,
     .facts = &where_facts},
    {.name = "QLinearConv",
     .domain = "com.microsoft",
     .since = 1,
     .inputs = conv_inputs,
     .outputs = (const struct op_arg[]){{"y", TYPES_INT8, ARG_T3}, {0}},
     .parse = parse,
     .infer = infer,
     .run = infer,
     .facts = &conv_facts},
    {0},
};
