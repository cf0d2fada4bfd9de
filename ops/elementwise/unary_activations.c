/* Activation functions. */
#include "base/convert.h"
#include "base/scalar.h"
#include "ops/core/attributes.h"
#include "ops/elementwise/unary.h"

#include <math.h>

#define ROW_ENTRIES(NAME) .loops = {[DTYPE_FLOAT] = NAME##_float, [DTYPE_DOUBLE] = NAME##_double}
#define ROW(NAME, LOOP, FLOAT_EXPRESSION, DOUBLE_EXPRESSION, ...) \
    LOOP(NAME##_float, float, float, FLOAT_EXPRESSION)            \
    UNARY_CALLS(NAME##_double, double, double, DOUBLE_EXPRESSION) \
    static const struct unary_row NAME##_row = {ROW_ENTRIES(NAME), __VA_ARGS__};
/* The same where ops/kernels has the function for floats. */
#define MATH_ROW(NAME, MATH, DOUBLE_EXPRESSION, ...)              \
    UNARY_CALLS(NAME##_double, double, double, DOUBLE_EXPRESSION) \
    static const struct unary_row NAME##_row = {.loops = {[DTYPE_DOUBLE] = NAME##_double}, .math = MATH, __VA_ARGS__};
#define NO_ATTRIBUTES .attributes = {NULL, NULL}
/* Facts (unary.h). */
#define ON_BLOCKS .on_blocks = true
#define FUSED(KIND) .activation = ACTIVATION_##KIND, .on_blocks = true
#define ONE_ATTRIBUTE(NAME, VALUE) .attributes = {NAME, NULL}, .defaults = {VALUE, 0}
#define TWO_ATTRIBUTES(NAME, VALUE, OTHER, OTHER_VALUE) .attributes = {NAME, OTHER}, .defaults = {VALUE, OTHER_VALUE}

SCALAR float ramp_float(float x, float alpha, float beta) {
    return scalar_clip(x * alpha + beta, 0.0f, 1.0f);
}
SCALAR double ramp_double(double x, double alpha, double beta) {
    const double y = x * alpha + beta;
    return y < 0 ? 0 : y > 1 ? 1 : y;
}
/* log(1 + e^x) without overflow. */
static double log_of_sum_double(double x) {
    return log1p(exp(-fabs(x))) + (x < 0.0 ? 0.0 : x);
}

MATH_ROW(leaky_relu, MATH_LEAKY_RELU, x < 0 ? x * alpha : x, ONE_ATTRIBUTE("alpha", 0.01f), FUSED(LEAKY_RELU))
MATH_ROW(sigmoid, MATH_SIGMOID, 1 / (1 + exp(-x)), NO_ATTRIBUTES, FUSED(SIGMOID))
MATH_ROW(elu, MATH_ELU, x < 0 ? alpha * expm1(x) : x, ONE_ATTRIBUTE("alpha", 1.0f), ON_BLOCKS)
MATH_ROW(selu, MATH_SELU, beta *(x > 0 ? x : alpha * expm1(x)),
         TWO_ATTRIBUTES("alpha", 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f), ON_BLOCKS)
/* Before opset 6 with fewer digits. */
static const struct unary_row selu_1_row = {.loops = {[DTYPE_DOUBLE] = selu_double},
                                            .math = MATH_SELU,
                                            TWO_ATTRIBUTES("alpha", 1.6732f, "gamma", 1.0507f),
                                            ON_BLOCKS};
MATH_ROW(celu, MATH_CELU, x < 0 ? alpha * expm1(x / alpha) : x, ONE_ATTRIBUTE("alpha", 1.0f))
MATH_ROW(hard_sigmoid, MATH_HARD_SIGMOID, ramp_double(x, alpha, beta), TWO_ATTRIBUTES("alpha", 0.2f, "beta", 0.5f),
         FUSED(HARD_SIGMOID))
ROW(hard_swish, UNARY_LOOP, x *ramp_float(x, 1.0f / 6.0f, 0.5f), x *ramp_double(x, 1.0 / 6.0, 0.5), NO_ATTRIBUTES,
    ON_BLOCKS)
MATH_ROW(softplus, MATH_SOFTPLUS, log_of_sum_double(x), NO_ATTRIBUTES, ON_BLOCKS)
ROW(softsign, UNARY_LOOP, x / (1.0f + scalar_abs(x)), x / (1 + fabs(x)), NO_ATTRIBUTES)
ROW(thresholded_relu, UNARY_LOOP, x > alpha || isnan(x) ? x : 0.0f, x > alpha || isnan(x) ? x : 0.0,
    ONE_ATTRIBUTE("alpha", 1.0f))
MATH_ROW(mish, MATH_MISH, x *tanh(log_of_sum_double(x)), NO_ATTRIBUTES)
MATH_ROW(swish, MATH_SWISH, x / (1 + exp(-alpha * x)), ONE_ATTRIBUTE("alpha", 1.0f))

/* ONNX's experimental ones. */
ROW(affine, UNARY_LOOP, x *alpha + beta, x *alpha + beta, TWO_ATTRIBUTES("alpha", 1.0f, "beta", 0.0f), ON_BLOCKS)
ROW(scaled_tanh, UNARY_CALLS, alpha *tanhf(beta *x), alpha *tanh(beta *x), TWO_ATTRIBUTES("alpha", 1.0f, "beta", 1.0f),
    ON_BLOCKS)
ROW(parametric_softplus, UNARY_CALLS, (float)(alpha *log_of_sum_double((double)(beta *x))),
    alpha *log_of_sum_double(beta *x), TWO_ATTRIBUTES("alpha", 1.0f, "beta", 1.0f), ON_BLOCKS)

static double gelu_of(double x, bool with_tanh) {
    const double inner =
        with_tanh ? tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)) : erf(x * 0.70710678118654752440);
    return 0.5 * x * (1 + inner);
}
MATH_ROW(gelu, MATH_GELU, gelu_of(x, false), NO_ATTRIBUTES, ON_BLOCKS)
MATH_ROW(gelu_tanh, MATH_GELU_TANH, gelu_of(x, true), NO_ATTRIBUTES)

struct gelu_params {
    struct unary_params unary;
    bool with_tanh;
};

static status gelu_parse(const struct op_call *call, struct attributes *attributes, void *params, struct error *err) {
    static const char *const choices[] = {"none", "tanh", NULL};
    (void)call, (void)err;
    ((struct gelu_params *)params)->with_tanh = attribute_choice(attributes, "approximate", choices, 0) != 0;
    return STATUS_OK;
}

static status gelu_run(struct op_call *call, struct error *err) {
    const struct gelu_params *params = call->params;
    (void)err;
    return unary_apply(params->with_tanh ? &gelu_tanh_row : &gelu_row, call, &params->unary);
}

#define RELU_SIGNED(T, DTYPE, ...) UNARY_LOOP(relu_##T, T, T, x < 0 ? 0 : x)
/* Shrink's attributes are fractions even where the elements are integers; the result is cut to an integer. */
#define SHRINK(T, DTYPE, ...)                                                                 \
    UNARY_CALLS(shrink_##T, T, T,                                                             \
                (double)x<-(double)alpha ? real_to_int64((double)x + beta) : (double)x> alpha \
                    ? real_to_int64((double)x - beta)                                         \
                    : 0)
#define ENTRY(T, DTYPE, NAME) [DTYPE_##DTYPE] = NAME##_##T,

UNARY_LOOP(relu_double, double, double, x < 0 ? 0 : x)
SIGNED_TYPES(RELU_SIGNED, 0)
static const struct unary_row relu_row = {.loops = {[DTYPE_DOUBLE] = relu_double, SIGNED_TYPES(ENTRY, relu)},
                                          .math = MATH_RELU,
                                          .activation = ACTIVATION_RELU,
                                          .on_blocks = true};

UNARY_LOOP(shrink_float, float, float, scalar_select(x < -alpha, x + beta, scalar_select(x > alpha, x - beta, 0.0f)))
UNARY_LOOP(shrink_double, double, double, x<-alpha ? x + beta : x> alpha ? x - beta : 0.0)
SIGNED_TYPES(SHRINK, 0)
UNSIGNED_TYPES(SHRINK, 0)
static const struct unary_row shrink_row = {.loops = {[DTYPE_FLOAT] = shrink_float,
                                                      [DTYPE_DOUBLE] = shrink_double,
                                                      SIGNED_TYPES(ENTRY, shrink) UNSIGNED_TYPES(ENTRY, shrink)},
                                            .attributes = {"lambd", "bias"},
                                            .defaults = {0.5f, 0.0f}};

#define UNTIL_22(NAME, SINCE, INPUT, ROW) \
    UNARY(NAME, SINCE, 21, INPUT, TYPES_REAL, ROW), UNARY(NAME, 22, 0, INPUT, TYPES_REAL_BF, ROW)

/* What pass_compose.c writes. */
#define COMPOSED(NAME, ROW) \
    UNARY_OF(NAME, INTERNAL_DOMAIN, INTERNAL_OPSET, 0, "X", TYPES_REAL_BF, TYPES_REAL_BF, unary_parse, ROW, unary_facts)

const struct op ops_unary_activations[] = {
    UNARY("Relu", 1, 12, "X", TYPES_REAL, relu_row),
    UNARY("Relu", 13, 13, "X", TYPES_REAL_BF, relu_row),
    UNARY("Relu", 14, 0, "X", TYPES_REAL_BF | TYPES_SIGNED, relu_row),
    UNARY("LeakyRelu", 1, 15, "X", TYPES_REAL, leaky_relu_row),
    UNARY("LeakyRelu", 16, 0, "X", TYPES_REAL_BF, leaky_relu_row),
    UNARY("Sigmoid", 1, 12, "X", TYPES_REAL, sigmoid_row),
    UNARY("Sigmoid", 13, 0, "X", TYPES_REAL_BF, sigmoid_row),
    UNTIL_22("Elu", 1, "X", elu_row),
    UNARY("Selu", 1, 5, "X", TYPES_REAL, selu_1_row),
    UNTIL_22("Selu", 6, "X", selu_row),
    UNARY("Celu", 12, 0, "X", TYPES_FLOAT, celu_row),
    UNTIL_22("HardSigmoid", 1, "X", hard_sigmoid_row),
    UNTIL_22("HardSwish", 14, "X", hard_swish_row),
    UNTIL_22("Softplus", 1, "X", softplus_row),
    UNTIL_22("Softsign", 1, "input", softsign_row),
    UNTIL_22("ThresholdedRelu", 1, "X", thresholded_relu_row),
    UNTIL_22("Mish", 18, "X", mish_row),
    UNARY("Swish", 24, 0, "X", TYPES_REAL_BF, swish_row),
    COMPOSED(OP_SWISH, swish_row),
    COMPOSED(OP_GELU, gelu_row),
    UNARY("Affine", 1, 9, "X", TYPES_REAL, affine_row),
    UNARY("ScaledTanh", 1, 9, "input", TYPES_REAL, scaled_tanh_row),
    UNARY("ParametricSoftplus", 1, 9, "X", TYPES_REAL, parametric_softplus_row),
    UNARY("Shrink", 9, 0, "input", TYPES_REAL | TYPES_INTEGER, shrink_row),
    {.name = "Gelu",
     .domain = "",
     .since = 20,
     .inputs = (const struct op_arg[]){{"X", TYPES_REAL_BF, ARG_T}, {0}},
     .outputs = (const struct op_arg[]){{"Y", TYPES_REAL_BF, ARG_T}, {0}},
     .storage = STORAGE_IN_PLACE,
     .params_size = sizeof(struct gelu_params),
     .parse = gelu_parse,
     .infer = unary_infer,
     .run = gelu_run,
     .facts = &unary_facts,
     .row = &gelu_row},
    {0},
};
