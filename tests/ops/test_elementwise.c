/* Element-wise operators against plain double-precision formulas, on every element type that their definitions promise.
 */
#include "ops/core/activation.h"
#include "ops/registry.h"
#include "tests/support/numbers.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/* ---- one input ---- */

struct unary_case {
    const char *name;
    double (*reference)(double x, double alpha, double beta);
    double low, high;
    const char *attributes[2];
    float values[2], defaults[2];
};

static double ref_relu(double x, double a, double b) {
    return (void)a, (void)b, x < 0 ? 0 : x;
}
static double ref_leaky(double x, double a, double b) {
    return (void)b, x < 0 ? a * x : x;
}
static double ref_sigmoid(double x, double a, double b) {
    return (void)a, (void)b, 1 / (1 + exp(-x));
}
static double ref_elu(double x, double a, double b) {
    return (void)b, x < 0 ? a * (exp(x) - 1) : x;
}
static double ref_selu(double x, double a, double b) {
    return x > 0 ? b * x : b * (a * exp(x) - a);
}
static double ref_celu(double x, double a, double b) {
    return (void)b, fmax(0, x) + fmin(0, a * (exp(x / a) - 1));
}
static double ref_hard_sigmoid(double x, double a, double b) {
    return fmax(0, fmin(1, a * x + b));
}
static double ref_hard_swish(double x, double a, double b) {
    return (void)a, (void)b, x * fmax(0, fmin(1, x / 6 + 0.5));
}
static double ref_softplus(double x, double a, double b) {
    return (void)a, (void)b, log1p(exp(x));
}
static double ref_softsign(double x, double a, double b) {
    return (void)a, (void)b, x / (1 + fabs(x));
}
static double ref_thresholded(double x, double a, double b) {
    return (void)b, x > a ? x : 0;
}
static double ref_mish(double x, double a, double b) {
    return (void)a, (void)b, x * tanh(log1p(exp(x)));
}
static double ref_swish(double x, double a, double b) {
    return (void)b, x / (1 + exp(-a * x));
}
static double ref_shrink(double x, double a, double b) {
    return x < -a ? x + b : x > a ? x - b : 0;
}
static double ref_gelu(double x, double a, double b) {
    return (void)a, (void)b, 0.5 * x * (1 + erf(x / sqrt(2)));
}
static double ref_neg(double x, double a, double b) {
    return (void)a, (void)b, -x;
}
static double ref_sign(double x, double a, double b) {
    return (void)a, (void)b, (x > 0) - (x < 0);
}
static double ref_reciprocal(double x, double a, double b) {
    return (void)a, (void)b, 1 / x;
}
static double ref_not(double x, double a, double b) {
    return (void)a, (void)b, x == 0;
}
static double ref_round(double x, double a, double b) {
    const double down = floor(x), rest = x - down;
    (void)a, (void)b;
    return rest < 0.5 ? down : rest > 0.5 ? down + 1 : fmod(down, 2) == 0 ? down : down + 1;
}
#define LIBRARY(NAME)                                        \
    static double ref_##NAME(double x, double a, double b) { \
        return (void)a, (void)b, NAME(x);                    \
    }
LIBRARY(fabs)
LIBRARY(sqrt)
LIBRARY(exp)
LIBRARY(log)
LIBRARY(floor)
LIBRARY(ceil)
LIBRARY(erf)
LIBRARY(tanh)
LIBRARY(sin)
LIBRARY(cos)
LIBRARY(tan)
LIBRARY(asin)
LIBRARY(acos)
LIBRARY(atan)
LIBRARY(sinh)
LIBRARY(cosh)
LIBRARY(asinh)
LIBRARY(acosh)
LIBRARY(atanh)

static const struct unary_case unary_cases[] = {
    {.name = "Relu", ref_relu, -20, 20},
    {"LeakyRelu", ref_leaky, -20, 20, {"alpha"}, {0.25f}, {0.01f}},
    {.name = "Sigmoid", ref_sigmoid, -20, 20},
    {.name = "Tanh", ref_tanh, -10, 10},
    {"Elu", ref_elu, -10, 10, {"alpha"}, {1.5f}, {1.0f}},
    {"Selu",
     ref_selu,
     -10,
     10,
     {"alpha", "gamma"},
     {1.5f, 0.75f},
     {1.67326319217681884765625f, 1.05070102214813232421875f}},
    {"Celu", ref_celu, -10, 10, {"alpha"}, {2.0f}, {1.0f}},
    {"HardSigmoid", ref_hard_sigmoid, -10, 10, {"alpha", "beta"}, {0.125f, 0.25f}, {0.2f, 0.5f}},
    {.name = "HardSwish", ref_hard_swish, -10, 10},
    {.name = "Softplus", ref_softplus, -20, 20},
    {.name = "Softsign", ref_softsign, -20, 20},
    {"ThresholdedRelu", ref_thresholded, -4, 4, {"alpha"}, {2.0f}, {1.0f}},
    {.name = "Mish", ref_mish, -10, 10},
    {"Swish", ref_swish, -10, 10, {"alpha"}, {0.5f}, {1.0f}},
    {"Shrink", ref_shrink, -5, 5, {"lambd", "bias"}, {1.5f, 0.5f}, {0.5f, 0.0f}},
    {.name = "Gelu", ref_gelu, -6, 6},
    {.name = "Abs", ref_fabs, -20, 20},
    {.name = "Neg", ref_neg, -20, 20},
    {.name = "Sign", ref_sign, -3, 3},
    {.name = "Reciprocal", ref_reciprocal, -8, 8},
    {.name = "Sqrt", ref_sqrt, 0, 100},
    {.name = "Exp", ref_exp, -8, 8},
    {.name = "Log", ref_log, 0, 100},
    {.name = "Floor", ref_floor, -20, 20},
    {.name = "Ceil", ref_ceil, -20, 20},
    {.name = "Round", ref_round, -20, 20},
    {.name = "Erf", ref_erf, -5, 5},
    {.name = "Sin", ref_sin, -8, 8},
    {.name = "Cos", ref_cos, -8, 8},
    {.name = "Tan", ref_tan, -1.5, 1.5},
    {.name = "Asin", ref_asin, -1, 1},
    {.name = "Acos", ref_acos, -1, 1},
    {.name = "Atan", ref_atan, -20, 20},
    {.name = "Sinh", ref_sinh, -5, 5},
    {.name = "Cosh", ref_cosh, -5, 5},
    {.name = "Asinh", ref_asinh, -20, 20},
    {.name = "Acosh", ref_acosh, 1, 20},
    {.name = "Atanh", ref_atanh, -0.875, 0.875},
    {.name = "Not", ref_not, 0, 1},
};

static void check_unary(const struct op *op, int opset, enum dtype dtype, void *context) {
    const struct unary_case *unary = context;
    struct random random = random_from(test_seed() + dtype);
    for (int trial = 0; trial < 6; trial++) {
        struct test_node node;
        test_node_init(&node, op->name, 1, 1);
        for (int k = 0; k < 2 && trial % 2; k++)
            if (unary->attributes[k])
                test_node_float(&node, unary->attributes[k], unary->values[k]);
        const float *values = trial % 2 ? unary->values : unary->defaults;
        const struct shape shape = number_shape(&random, 6, 4);
        struct tensor *x = trial == 5 ? test_tensor(dtype, 2, 3, 11003) : test_tensor_shape(dtype, &shape);
        number_fill(x, &random, unary->low, unary->high);
        struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){x});
        assert_true(shape_equal(&y->shape, &x->shape) && y->dtype == dtype);
        for (int64_t i = 0; i < tensor_elements(x); i++) {
            const double expected = unary->reference(number_get(x, i), (double)values[0], (double)values[1]);
            test_number(y, i, number_is_integer(dtype) ? trunc(expected) : expected, 12, 4 * number_epsilon(dtype),
                        op->name);
        }
        test_tensor_free(x);
        test_tensor_free(y);
    }
}

static void test_unary(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(unary_cases); i++) {
        struct unary_case unary = unary_cases[i];
        for_each_record(unary.name, check_unary, &unary);
    }
}

/* Float tensors written out: input, then output. */
static void check_floats(const struct test_node *node, int opset, const struct tensor *x, const float *expected) {
    struct tensor *y = test_run_all_ways(node, opset, (const struct tensor *[]){x});
    for (int64_t i = 0; i < tensor_elements(x); i++)
        test_number(y, i, (double)expected[i], 16, 0, node->node.op_type);
    test_tensor_free(y);
}

static struct tensor *floats(int count, const float *values) {
    struct tensor *tensor = test_tensor(DTYPE_FLOAT, 1, count);
    memcpy(tensor->data, values, (size_t)count * sizeof *values);
    return tensor;
}

static void test_unary_special_values(void **state) {
    static const float x[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-30f, 2.5f, -100.0f};
    static const struct {
        const char *name;
        float y[COUNT(x)];
    } cases[] = {
        {"Relu", {NAN, INFINITY, 0, 0, 1e-30f, 2.5f, 0}},
        {"LeakyRelu", {NAN, INFINITY, -INFINITY, 0, 1e-30f, 2.5f, -1}},
        {"Sigmoid", {NAN, 1, 0, 0.5f, 0.5f, 0.924141822f, 0}},
        {"Tanh", {NAN, 1, -1, 0, 1e-30f, 0.986614298f, -1}},
        {"Exp", {NAN, INFINITY, 0, 1, 1, 12.1824940f, 0}},
        {"Erf", {NAN, 1, -1, 0, 1.12837917e-30f, 0.999593048f, -1}},
        {"Sign", {NAN, 1, -1, 0, 1, 1, -1}},
        {"Round", {NAN, INFINITY, -INFINITY, 0, 0, 2, -100}},
        {"Abs", {NAN, INFINITY, INFINITY, 0, 1e-30f, 2.5f, 100}},
        {"Sqrt", {NAN, INFINITY, NAN, 0, 1e-15f, 1.58113883f, NAN}},
        {"Softplus", {NAN, INFINITY, 0, 0.693147181f, 0.693147181f, 2.57888973f, 0}},
        {"ThresholdedRelu", {NAN, INFINITY, 0, 0, 0, 2.5f, 0}},
    };
    (void)state;
    struct tensor *input = floats(COUNT(x), x);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct test_node node;
        test_node_init(&node, cases[i].name, 1, 1);
        struct tensor *y = test_run_all_ways(&node, 22, (const struct tensor *[]){input});
        for (size_t k = 0; k < COUNT(x); k++)
            test_number(y, (int64_t)k, (double)cases[i].y[k], 16, 1e-37, cases[i].name);
        test_tensor_free(y);
    }
    test_tensor_free(input);
}

/* The hand-written functions over their whole range, close to the last bit. */
static void test_unary_precision(void **state) {
    static const struct {
        const char *name;
        double (*reference)(double, double, double);
        double low, high;
    } cases[] = {{"Exp", ref_exp, -87, 88},
                 {"Tanh", ref_tanh, -10, 10},
                 {"Sigmoid", ref_sigmoid, -80, 80},
                 {"Erf", ref_erf, -5, 5}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        const int count = 40001;
        struct test_node node;
        struct tensor *x = test_tensor(DTYPE_FLOAT, 1, count);
        for (int k = 0; k < count; k++) /* dense near zero too */
            ((float *)x->data)[k] = (float)(cases[i].low + (cases[i].high - cases[i].low) * k / (count - 1)) *
                                    (k % 3 ? 1.0f : ldexpf(1.0f, -(k % 30)));
        test_node_init(&node, cases[i].name, 1, 1);
        struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){x});
        for (int k = 0; k < count; k++)
            test_number(y, k, cases[i].reference(number_get(x, k), 0, 0), 6, 0, cases[i].name);
        test_tensor_free(x);
        test_tensor_free(y);
    }
}

static void test_gelu_tanh(void **state) {
    struct test_node node;
    struct random random = random_from(test_seed());
    (void)state;
    test_node_init(&node, "Gelu", 1, 1);
    test_node_text(&node, "approximate", "tanh");
    for (int k = 0; k < 2; k++) {
        struct tensor *x = test_tensor(k ? DTYPE_DOUBLE : DTYPE_FLOAT, 1, 1000);
        number_fill(x, &random, -5, 5);
        struct tensor *y = test_run_all_ways(&node, 20, (const struct tensor *[]){x});
        for (int64_t i = 0; i < 1000; i++) {
            const double v = number_get(x, i);
            test_number(y, i, 0.5 * v * (1 + tanh(sqrt(2 / M_PI) * (v + 0.044715 * v * v * v))), 4, 5e-7, "Gelu");
        }
        test_tensor_free(x);
        test_tensor_free(y);
    }
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 1);
    test_node_init(&node, "Gelu", 1, 1);
    test_node_text(&node, "approximate", "fast");
    test_run_fails(&node, 20, (const struct tensor *[]){x}, STATUS_UNSUPPORTED, "approximate");
    test_tensor_free(x);
}

static void test_infinity_and_nan(void **state) {
    static const float x[] = {NAN, INFINITY, -INFINITY, 0, 1};
    static const uint8_t expected[][COUNT(x)] = {{1, 0, 0, 0, 0}, {0, 1, 1, 0, 0}, {0, 1, 0, 0, 0}, {0, 0, 1, 0, 0}};
    static const char *const off[] = {NULL, NULL, "detect_negative", "detect_positive"};
    (void)state;
    for (enum dtype dtype = DTYPE_FLOAT; dtype <= DTYPE_BFLOAT16; dtype++) {
        if (!(TYPE(dtype) & (TYPE(DTYPE_FLOAT) | TYPE(DTYPE_DOUBLE) | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))))
            continue;
        struct tensor *input = test_tensor(dtype, 1, (int)COUNT(x));
        for (size_t i = 0; i < COUNT(x); i++)
            number_set(input, (int64_t)i, (double)x[i]);
        for (size_t k = 0; k < COUNT(expected); k++) {
            struct test_node node;
            test_node_init(&node, k == 0 ? "IsNaN" : "IsInf", 1, 1);
            if (off[k])
                test_node_int(&node, off[k], 0);
            struct tensor *y = test_run_all_ways(&node, 20, (const struct tensor *[]){input});
            assert_int_equal(y->dtype, DTYPE_BOOL);
            assert_memory_equal(y->data, expected[k], COUNT(x));
            test_tensor_free(y);
        }
        test_tensor_free(input);
    }
}

static void check_integer_edges(const struct op *op, int opset, enum dtype dtype, void *context) {
    (void)context;
    if (!number_is_integer(dtype) || !number_is_signed(dtype))
        return;
    struct test_node node;
    struct tensor *x = test_tensor(dtype, 1, 1);
    memset((char *)x->data + x->bytes - 1, 0x80, 1); /* the smallest number, little-endian */
    test_node_init(&node, op->name, 1, 1);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){x});
    assert_memory_equal(y->data, x->data, x->bytes);
    test_tensor_free(x);
    test_tensor_free(y);
}

static void test_smallest_integer(void **state) {
    (void)state;
    for_each_record("Abs", check_integer_edges, NULL);
    for_each_record("Neg", check_integer_edges, NULL);
}

static void test_activation_bits(void **state) {
    static const struct {
        const char *name;
        struct activation activation;
    } cases[] = {{"Relu", {ACTIVATION_RELU, 0, 0}},         {"LeakyRelu", {ACTIVATION_LEAKY_RELU, 0.2f, 0}},
                 {"Sigmoid", {ACTIVATION_SIGMOID, 0, 0}},   {"Tanh", {ACTIVATION_TANH, 0, 0}},
                 {"Clip", {ACTIVATION_CLIP, -0.5f, 0.75f}}, {"None", {ACTIVATION_NONE, 0, 0}}};
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 1001);
    (void)state;
    for (int i = 0; i < 1001; i++)
        ((float *)x->data)[i] = i == 7 ? NAN : 4 * random_float(&random);
    for (size_t k = 0; k < COUNT(cases); k++) {
        struct test_node node;
        struct tensor *applied = test_copy(x);
        activation_run(test_kernels(), &cases[k].activation, (float *)applied->data + 1, 1000);
        assert_memory_equal(applied->data, x->data, sizeof(float));
        if (k == COUNT(cases) - 1) {
            assert_int_equal(activation_kind(cases[k].name), -1);
            assert_memory_equal(applied->data, x->data, x->bytes);
        } else {
            assert_int_equal(activation_kind(cases[k].name), cases[k].activation.kind);
            test_node_init(&node, cases[k].name, 1, 1);
            if (cases[k].activation.kind == ACTIVATION_LEAKY_RELU)
                test_node_float(&node, "alpha", 0.2f);
            if (cases[k].activation.kind == ACTIVATION_CLIP) {
                test_node_float(&node, "min", -0.5f);
                test_node_float(&node, "max", 0.75f);
            }
            struct tensor *y = test_run_all_ways(&node, 10, (const struct tensor *[]){x});
            assert_memory_equal((float *)applied->data + 1, (float *)y->data + 1, 1000 * sizeof(float));
            test_tensor_free(y);
        }
        test_tensor_free(applied);
    }
    test_tensor_free(x);
}

/* ---- Clip ---- */

static void check_clip(const struct op *op, int opset, enum dtype dtype, void *context) {
    struct random random = random_from(test_seed() + dtype);
    (void)context;
    if (opset < 11)
        return;
    for (int bounds = 0; bounds < 4; bounds++) { /* bit 0: min is given, bit 1: max */
        struct test_node node;
        struct tensor *x = test_tensor(dtype, 2, 7, 9), *low = test_tensor(dtype, 0), *high = test_tensor(dtype, 0);
        number_fill(x, &random, -20, 20);
        number_set(low, 0, number_is_signed(dtype) ? -5 : 5);
        number_set(high, 0, 11);
        test_node_init(&node, op->name, 3, 1);
        const struct tensor *const inputs[] = {x, bounds & 1 ? low : NULL, bounds & 2 ? high : NULL};
        struct tensor *y = test_run_all_ways(&node, opset, inputs);
        for (int64_t i = 0; i < 63; i++) {
            double expected = number_get(x, i);
            expected = (bounds & 1) && expected < number_get(low, 0) ? number_get(low, 0) : expected;
            expected = (bounds & 2) && expected > 11 ? 11 : expected;
            test_number(y, i, expected, 0, 0, op->name);
        }
        test_tensor_free(x);
        test_tensor_free(low);
        test_tensor_free(high);
        test_tensor_free(y);
    }
}

static void test_clip(void **state) {
    static const float x[] = {NAN, INFINITY, -INFINITY, 0.5f};
    struct test_node node;
    struct tensor *input = floats(COUNT(x), x), *low = test_tensor(DTYPE_FLOAT, 1, 1),
                  *high = test_tensor(DTYPE_FLOAT, 0);
    (void)state;
    for_each_record("Clip", check_clip, NULL);
    test_node_init(&node, "Clip", 1, 1);
    check_floats(&node, 7, input, (const float[]){NAN, FLT_MAX, -FLT_MAX, 0.5f});
    check_floats(&node, 13, input, (const float[]){NAN, FLT_MAX, -FLT_MAX, 0.5f});
    /* The largest where the bounds are the wrong way round. */
    *(float *)low->data = 2;
    *(float *)high->data = 1;
    test_node_init(&node, "Clip", 3, 1);
    struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){input, low, high});
    for (int i = 1; i < 4; i++)
        test_number(y, i, 1, 0, 0, "Clip");
    struct tensor *two = test_tensor(DTYPE_FLOAT, 1, 2), *wide = test_tensor(DTYPE_DOUBLE, 0);
    test_run_fails(&node, 13, (const struct tensor *[]){input, low, two}, STATUS_SHAPE,
                   "input 2 (max) has shape [2], expected a single number");
    test_run_fails(&node, 13, (const struct tensor *[]){input, low, wide}, STATUS_INVALID_MODEL, "double");
    test_tensor_free(input);
    test_tensor_free(low);
    test_tensor_free(high);
    test_tensor_free(y);
    test_tensor_free(two);
    test_tensor_free(wide);
}

/* ---- two inputs ---- */

struct binary_case {
    const char *name;
    double (*reference)(double x, double y);
    double low, high;
    bool one_way; /* input 1 broadcasts to input 0 only */
};

static double ref_add(double x, double y) {
    return x + y;
}
static double ref_sub(double x, double y) {
    return x - y;
}
static double ref_mul(double x, double y) {
    return x * y;
}
static double ref_div(double x, double y) {
    return x / y;
}
static double ref_max(double x, double y) {
    return x > y ? x : y;
}
static double ref_min(double x, double y) {
    return x < y ? x : y;
}
static double ref_prelu(double x, double y) {
    return x < 0 ? x * y : x;
}
static double ref_equal(double x, double y) {
    return x == y;
}
static double ref_greater(double x, double y) {
    return x > y;
}
static double ref_less(double x, double y) {
    return x < y;
}
static double ref_greater_or_equal(double x, double y) {
    return x >= y;
}
static double ref_less_or_equal(double x, double y) {
    return x <= y;
}
static double ref_and(double x, double y) {
    return x != 0 && y != 0;
}
static double ref_or(double x, double y) {
    return x != 0 || y != 0;
}
static double ref_xor(double x, double y) {
    return (x != 0) != (y != 0);
}
static double ref_mean(double x, double y) {
    return (x + y) / 2;
}

static const struct binary_case binary_cases[] = {
    {"Add", ref_add, -20, 20, false},
    {"Sub", ref_sub, -20, 20, false},
    {"Mul", ref_mul, -10, 10, false},
    {"Div", ref_div, 1, 50, false},
    {"PRelu", ref_prelu, -10, 10, true},
    {"Max", ref_max, -20, 20, false},
    {"Min", ref_min, -20, 20, false},
    {"Sum", ref_add, -20, 20, false},
    {"Mean", ref_mean, -20, 20, false},
    {"Equal", ref_equal, -3, 3, false},
    {"Greater", ref_greater, -3, 3, false},
    {"Less", ref_less, -3, 3, false},
    {"GreaterOrEqual", ref_greater_or_equal, -3, 3, false},
    {"LessOrEqual", ref_less_or_equal, -3, 3, false},
    {"And", ref_and, 0, 1, false},
    {"Or", ref_or, 0, 1, false},
    {"Xor", ref_xor, 0, 1, false},
};

/* The output's type wraps where it is an integer. */
static double wrapped(enum dtype dtype, double x) {
    if (!number_is_integer(dtype))
        return x;
    struct tensor *cell = test_tensor(dtype, 0);
    number_set(cell, 0, trunc(x));
    const double result = number_get(cell, 0);
    test_tensor_free(cell);
    return result;
}

static void check_binary_shapes(const struct binary_case *binary, int opset, enum dtype dtype,
                                const struct shape *shape, struct random *random) {
    struct test_node node;
    const bool same = opset < 8 && op_find("", binary->name, opset)->inputs[0].flags & ARG_VARIADIC;
    const struct shape a_shape = binary->one_way || same ? *shape : number_part(random, shape);
    const struct shape b_shape = same ? *shape : number_part(random, shape);
    struct tensor *a = test_tensor_shape(dtype, &a_shape), *b = test_tensor_shape(dtype, &b_shape);
    number_fill(a, random, binary->low, binary->high);
    number_fill(b, random, binary->low, binary->high);
    test_node_init(&node, binary->name, 2, 1);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){a, b});
    const int rank = a_shape.rank > b_shape.rank ? a_shape.rank : b_shape.rank;
    assert_int_equal(y->shape.rank, rank);
    for (int64_t i = 0; i < tensor_elements(y); i++) {
        const double x0 = number_get(a, broadcast_index(&a_shape, &y->shape, i));
        const double x1 = number_get(b, broadcast_index(&b_shape, &y->shape, i));
        test_number(y, i, wrapped(y->dtype, binary->reference(x0, x1)), 2, 0, binary->name);
    }
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(y);
}

static void check_binary(const struct op *op, int opset, enum dtype dtype, void *context) {
    struct random random = random_from(test_seed() + dtype);
    if (dtype == DTYPE_STRING)
        return;
    (void)op;
    for (int trial = 0; trial < 12; trial++) {
        const struct shape shape = number_shape(&random, 6, 4);
        check_binary_shapes(context, opset, dtype, &shape, &random);
    }
    const struct shape large = {.rank = 3, .dims = {3, 5, 2501}};
    check_binary_shapes(context, opset, dtype, &large, &random);
}

static void test_binary(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(binary_cases); i++) {
        struct binary_case binary = binary_cases[i];
        for_each_record(binary.name, check_binary, &binary);
    }
}

static void test_broadcast_errors(void **state) {
    struct test_node node;
    struct tensor *a = test_tensor(DTYPE_FLOAT, 4, 1, 32, 16, 16), *b = test_tensor(DTYPE_FLOAT, 4, 1, 64, 16, 16);
    struct tensor *c = test_tensor(DTYPE_FLOAT, 1, 16), *d = test_tensor(DTYPE_INT32, 1, 16);
    (void)state;
    test_node_init(&node, "Add", 2, 1);
    test_run_fails(&node, 13, (const struct tensor *[]){a, b}, STATUS_SHAPE,
                   "inputs 0 [1,32,16,16] and 1 [1,64,16,16] do not broadcast (dimension 1: 32 and 64)");
    test_run_fails(&node, 13, (const struct tensor *[]){c, d}, STATUS_INVALID_MODEL, "int32");
    test_node_init(&node, "Max", 3, 1);
    test_run_fails(&node, 13, (const struct tensor *[]){c, a, b}, STATUS_SHAPE,
                   "inputs 1 [1,32,16,16] and 2 [1,64,16,16] do not broadcast (dimension 1: 32 and 64)");
    test_node_init(&node, "Sum", 2, 1);
    test_run_fails(&node, 7, (const struct tensor *[]){a, c}, STATUS_SHAPE, "expected [1,32,16,16]");
    test_node_init(&node, "PRelu", 2, 1);
    test_run_fails(&node, 16, (const struct tensor *[]){c, a}, STATUS_SHAPE, "does not broadcast to input 0 (X) [16]");
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(c);
    test_tensor_free(d);
}

static int64_t ref_mod(int64_t x, int64_t y, bool fmod_attribute) {
    const int64_t r = y == 0 ? 0 : x % y;
    return !fmod_attribute && r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static void check_integer_division(const struct op *op, int opset, enum dtype dtype, void *context) {
    const bool is_div = strcmp(op->name, "Div") == 0, fmod_attribute = *(const bool *)context;
    if (!number_is_integer(dtype))
        return;
    struct test_node node;
    const int low = number_is_signed(dtype) ? -9 : 0, side = 10 - low;
    struct tensor *a = test_tensor(dtype, 2, side, 1), *b = test_tensor(dtype, 1, side);
    for (int i = 0; i < side; i++) {
        number_set(a, i, low + i);
        number_set(b, i, low + i);
    }
    test_node_init(&node, op->name, 2, 1);
    if (fmod_attribute)
        test_node_int(&node, "fmod", 1);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){a, b});
    for (int i = 0; i < side; i++)
        for (int j = 0; j < side; j++) {
            const int x = low + i, z = low + j;
            test_number(y, i * side + j, (double)(is_div ? (z ? x / z : 0) : ref_mod(x, z, fmod_attribute)), 0, 0,
                        op->name);
        }
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(y);
}

static void check_smallest_over_minus_one(const struct op *op, int opset, enum dtype dtype, void *context) {
    if (!number_is_integer(dtype) || !number_is_signed(dtype))
        return;
    struct test_node node;
    struct tensor *a = test_tensor(dtype, 1, 1), *b = test_tensor(dtype, 1, 1);
    memset((char *)a->data + a->bytes - 1, 0x80, 1);
    number_set(b, 0, -1);
    test_node_init(&node, op->name, 2, 1);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){a, b});
    assert_true(number_get(y, 0) == (context ? number_get(a, 0) : 0));
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(y);
}

static void test_integer_division(void **state) {
    bool fmod_attribute = false;
    (void)state;
    for_each_record("Div", check_integer_division, &fmod_attribute);
    for_each_record("Mod", check_integer_division, &fmod_attribute);
    for_each_record("Div", check_smallest_over_minus_one, &fmod_attribute);
    for_each_record("Mod", check_smallest_over_minus_one, NULL);
    fmod_attribute = true;
    for_each_record("Mod", check_integer_division, &fmod_attribute);
}

static void test_mod_of_reals(void **state) {
    static const float x[] = {5.5f, -5.5f, 5.5f, NAN, INFINITY, 1.0f}, y[] = {2, 2, -2, 1, 1, INFINITY};
    static const float expected[] = {1.5f, -1.5f, 1.5f, NAN, NAN, 1.0f};
    static const float floored[] = {1.5f, 0.5f, -0.5f, NAN, NAN, 1.0f};
    struct test_node node;
    struct tensor *a = floats(COUNT(x), x), *b = floats(COUNT(y), y);
    (void)state;
    test_node_init(&node, "Mod", 2, 1);
    struct tensor *result = test_run_all_ways(&node, 13, (const struct tensor *[]){a, b});
    for (size_t i = 0; i < COUNT(x); i++)
        test_number(result, (int64_t)i, (double)floored[i], 0, 0, "Mod");
    test_tensor_free(result);
    test_node_int(&node, "fmod", 1);
    result = test_run_all_ways(&node, 13, (const struct tensor *[]){a, b});
    for (size_t i = 0; i < COUNT(x); i++)
        test_number(result, (int64_t)i, (double)expected[i], 0, 0, "Mod");
    test_node_init(&node, "Mod", 2, 1);
    test_node_int(&node, "fmod", 2);
    test_run_fails(&node, 13, (const struct tensor *[]){a, b}, STATUS_INVALID_MODEL, "expected 0 or 1");
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(result);
}

static bool is_signed(enum dtype dtype) {
    return dtype == DTYPE_INT8 || dtype == DTYPE_INT16 || dtype == DTYPE_INT32 || dtype == DTYPE_INT64;
}

static void check_bits(const struct op *op, int opset, enum dtype dtype, void *context) {
    const int what = *(const int *)context; /* 0 and, 1 or, 2 xor, 3 left, 4 right, 5 not */
    struct random random = random_from(test_seed() + dtype);
    struct test_node node;
    struct tensor *a = test_tensor(dtype, 2, 9, 31), *b = test_tensor(dtype, 1, 31);
    const unsigned bits = dtype_bits(dtype);
    for (size_t i = 0; i < a->bytes; i++)
        ((uint8_t *)a->data)[i] = (uint8_t)random_next(&random);
    for (int i = 0; i < 31; i++)
        number_set(b, i, what < 3 ? i * 3 : what < 5 ? i * 4 : 0); /* shifts beyond the width too */
    test_node_init(&node, op->name, what == 5 ? 1 : 2, 1);
    if (what == 3 || what == 4)
        test_node_text(&node, "direction", what == 3 ? "LEFT" : "RIGHT");
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){a, b});
    for (size_t i = 0; i < 9 * 31; i++) {
        uint64_t p = 0, q = 0, actual = 0;
        memcpy(&p, (char *)a->data + i * (bits / 8), bits / 8);
        memcpy(&q, (char *)b->data + i % 31 * (bits / 8), bits / 8);
        memcpy(&actual, (char *)y->data + i * (bits / 8), bits / 8);
        /* A negative number is shifted to the right with its sign. */
        const uint64_t sign = is_signed(dtype) && p >> (bits - 1) ? UINT64_MAX : 0;
        const uint64_t right = q == 0 ? p : q < bits ? p >> q | sign << (bits - q) : sign;
        const uint64_t all[] = {p & q, p | q, p ^ q, q < bits ? p << q : 0, right, ~p};
        assert_true(actual == (all[what] & UINT64_MAX >> (64 - bits)));
    }
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(y);
}

static void test_bits(void **state) {
    static const char *const names[] = {"BitwiseAnd", "BitwiseOr", "BitwiseXor", "BitShift", "BitShift", "BitwiseNot"};
    (void)state;
    for (int what = 0; what < 6; what++)
        for_each_record(names[what], check_bits, &what);
}

/* ---- Pow ---- */

static void check_pow(enum dtype base, enum dtype exponent, int opset, struct random *random) {
    struct test_node node;
    const struct shape shape = number_shape(random, 4, 4);
    const struct shape a_shape = number_part(random, &shape), b_shape = number_part(random, &shape);
    struct tensor *a = test_tensor_shape(base, &a_shape), *b = test_tensor_shape(exponent, &b_shape);
    number_fill(a, random, number_is_integer(base) ? -5 : 0.25, 5);
    number_fill(b, random, 0, 4);
    test_node_init(&node, "Pow", 2, 1);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){a, b});
    assert_int_equal(y->dtype, base);
    for (int64_t i = 0; i < tensor_elements(y); i++) {
        const double x0 = number_get(a, broadcast_index(&a_shape, &y->shape, i));
        const double x1 = number_get(b, broadcast_index(&b_shape, &y->shape, i));
        const double expected = pow(x0, x1);
        if (isnan(expected) && number_is_integer(base))
            continue; /* a fractional power of a negative integer */
        test_number(y, i, number_is_integer(base) ? trunc(expected) : expected, 4, 0, "Pow");
    }
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(y);
}

static void test_pow(void **state) {
    struct random random = random_from(test_seed());
    (void)state;
    for (int opset = 7; opset <= 15; opset++) {
        const struct op *op = op_find("", "Pow", opset);
        for (int base = 0; base < DTYPE_COUNT; base++)
            for (int exponent = 0; exponent < DTYPE_COUNT; exponent++) {
                const bool same = op->inputs[1].flags == op->inputs[0].flags;
                if ((op->inputs[0].types >> base & 1) && (op->inputs[1].types >> exponent & 1) &&
                    (!same || base == exponent))
                    for (int trial = 0; trial < 3; trial++)
                        check_pow((enum dtype)base, (enum dtype)exponent, opset, &random);
            }
    }
}

static void test_pow_of_integers(void **state) {
    static const int64_t x[] = {3, -3, 2, 0, 1, -1, -1, 2, 0, 7}, y[] = {39, 39, 63, 0, -5, -5, -4, -1, -1, 0};
    static const int64_t expected[] = {4052555153018976267, -4052555153018976267, INT64_MIN, 1, 1, -1, 1, 0, 0, 1};
    struct test_node node;
    struct tensor *a = test_ints(COUNT(x), x), *b = test_ints(COUNT(y), y);
    (void)state;
    test_node_init(&node, "Pow", 2, 1);
    struct tensor *result = test_run_all_ways(&node, 13, (const struct tensor *[]){a, b});
    assert_memory_equal(result->data, expected, sizeof expected);
    test_tensor_free(a);
    test_tensor_free(b);
    test_tensor_free(result);
}

/* ---- outputs on inputs whose elements are of another size ---- */

static void test_in_place_of_another_size(void **state) {
    struct test_node node;
    struct tensor *one = test_tensor(DTYPE_INT64, 1, 1), *eight = test_tensor(DTYPE_INT64, 1, 8);
    struct tensor *base = test_tensor(DTYPE_FLOAT, 1, 2), *exponent = test_tensor(DTYPE_INT64, 1, 1);
    (void)state;
    *(int64_t *)one->data = 0x0403020100000003;
    for (int i = 0; i < 8; i++)
        ((int64_t *)eight->data)[i] = 0x0403020100000000 + i;
    test_node_init(&node, "Less", 2, 1);
    struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){one, eight});
    assert_memory_equal(y->data, "\0\0\0\0\1\1\1\1", 8);
    test_tensor_free(y);
    y = test_run_all_ways(&node, 13, (const struct tensor *[]){eight, one});
    assert_memory_equal(y->data, "\1\1\1\0\0\0\0\0", 8);
    test_tensor_free(y);
    ((float *)base->data)[0] = 3;
    ((float *)base->data)[1] = -2;
    *(int64_t *)exponent->data = 5;
    test_node_init(&node, "Pow", 2, 1);
    y = test_run_all_ways(&node, 13, (const struct tensor *[]){base, exponent});
    test_number(y, 0, 243, 0, 0, "Pow");
    test_number(y, 1, -32, 0, 0, "Pow");
    test_tensor_free(y);
    test_tensor_free(one);
    test_tensor_free(eight);
    test_tensor_free(base);
    test_tensor_free(exponent);
}

/* ---- any number of inputs ---- */

static void check_variadic(const struct op *op, int opset, enum dtype dtype, void *context) {
    struct random random = random_from(test_seed() + dtype);
    const char kind = op->name[1]; /* mAx, mIn, mEan, sUm */
    (void)context;
    for (int count = 1; count <= 5; count++) {
        struct test_node node;
        const struct shape shape =
            count == 5 ? (struct shape){.rank = 2, .dims = {7, 5003}} : number_shape(&random, 4, 5);
        struct tensor *inputs[5];
        for (int k = 0; k < count; k++) {
            const struct shape part = opset < 8 || k == 2 ? shape : number_part(&random, &shape);
            inputs[k] = test_tensor_shape(dtype, &part);
            number_fill(inputs[k], &random, -20, 20);
        }
        test_node_init(&node, op->name, count, 1);
        struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *const *)inputs);
        for (int64_t i = 0; i < tensor_elements(y); i++) {
            double expected = 0;
            for (int k = 0; k < count; k++) {
                const double x = number_get(inputs[k], broadcast_index(&inputs[k]->shape, &y->shape, i));
                expected = k == 0        ? x
                           : kind == 'a' ? (x > expected ? x : expected)
                           : kind == 'i' ? (x < expected ? x : expected)
                                         : expected + x;
            }
            test_number(y, i, kind == 'e' ? expected / count : expected, 2, 0, op->name);
        }
        for (int k = 0; k < count; k++)
            test_tensor_free(inputs[k]);
        test_tensor_free(y);
    }
}

static void test_variadic(void **state) {
    static const float x[] = {NAN, 1, INFINITY, -INFINITY}, z[] = {1, NAN, 0, 0};
    struct test_node node;
    struct tensor *a = floats(4, x), *b = floats(4, z);
    (void)state;
    for_each_record("Max", check_variadic, NULL);
    for_each_record("Min", check_variadic, NULL);
    for_each_record("Sum", check_variadic, NULL);
    for_each_record("Mean", check_variadic, NULL);
    for (int k = 0; k < 2; k++) {
        test_node_init(&node, k ? "Min" : "Max", 2, 1);
        struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){a, b});
        test_number(y, 0, (double)NAN, 0, 0, "first");
        test_number(y, 1, (double)NAN, 0, 0, "second");
        test_number(y, 2, k ? 0 : (double)INFINITY, 0, 0, "third");
        test_number(y, 3, k ? -(double)INFINITY : 0, 0, 0, "fourth");
        test_tensor_free(y);
    }
    test_tensor_free(a);
    test_tensor_free(b);
}

/* ---- Where ---- */

static void check_where(enum dtype dtype, int opset, struct random *random) {
    struct test_node node;
    const struct shape shape = random_int(random, 0, 5) ? number_shape(random, 6, 4) : (struct shape){2, {5, 7001}};
    const struct shape parts[] = {number_part(random, &shape), number_part(random, &shape),
                                  number_part(random, &shape)};
    struct tensor *c = test_tensor_shape(DTYPE_BOOL, &parts[0]);
    struct tensor *x = test_tensor_shape(dtype, &parts[1]), *y = test_tensor_shape(dtype, &parts[2]);
    const size_t size = dtype_size(dtype);
    test_fill(c, random);
    for (size_t i = 0; i < x->bytes; i++)
        ((uint8_t *)x->data)[i] = (uint8_t)random_next(random);
    for (size_t i = 0; i < y->bytes; i++)
        ((uint8_t *)y->data)[i] = (uint8_t)random_next(random);
    test_node_init(&node, "Where", 3, 1);
    struct tensor *out = test_run_all_ways(&node, opset, (const struct tensor *[]){c, x, y});
    for (int64_t i = 0; i < tensor_elements(out); i++) {
        const bool first = ((uint8_t *)c->data)[broadcast_index(&parts[0], &out->shape, i)];
        const struct tensor *from = first ? x : y;
        const size_t at = (size_t)broadcast_index(&from->shape, &out->shape, i);
        assert_memory_equal((char *)out->data + (size_t)i * size, (char *)from->data + at * size, size);
    }
    test_tensor_free(c);
    test_tensor_free(x);
    test_tensor_free(y);
    test_tensor_free(out);
}

static void test_where(void **state) {
    struct random random = random_from(test_seed());
    struct test_node node;
    (void)state;
    for (int opset = 9; opset <= 16; opset += 7)
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
            for (int trial = 0; trial < 12 && (op_find("", "Where", opset)->inputs[1].types >> dtype & 1); trial++)
                check_where((enum dtype)dtype, opset, &random);
    struct tensor *c = test_tensor(DTYPE_BOOL, 1, 3), *x = test_tensor(DTYPE_FLOAT, 1, 2),
                  *y = test_tensor(DTYPE_INT32, 0);
    test_node_init(&node, "Where", 3, 1);
    test_run_fails(&node, 16, (const struct tensor *[]){c, x, x}, STATUS_SHAPE,
                   "inputs 0 [3] and 1 [2] do not broadcast (dimension 0: 3 and 2)");
    test_run_fails(&node, 16, (const struct tensor *[]){c, x, y}, STATUS_INVALID_MODEL, "int32, expected float");
    test_tensor_free(c);
    test_tensor_free(x);
    test_tensor_free(y);
}

static void test_equal_strings(void **state) {
    static const struct text words[] = {{"one", 3}, {"two", 3}, {"", 0}, {NULL, 0}, {"onex", 4}},
                             other[] = {{"one", 3}};
    struct test_node node;
    struct tensor *a = test_tensor(DTYPE_STRING, 1, (int)COUNT(words)), *b = test_tensor(DTYPE_STRING, 0);
    (void)state;
    memcpy(a->data, words, sizeof words);
    memcpy(b->data, other, sizeof other);
    test_node_init(&node, "Equal", 2, 1);
    struct tensor *y = test_run_all_ways(&node, 19, (const struct tensor *[]){a, b});
    assert_memory_equal(y->data, "\1\0\0\0\0", COUNT(words));
    test_tensor_free(y);
    test_run_fails(&node, 13, (const struct tensor *[]){a, b}, STATUS_UNSUPPORTED, "string");
    test_tensor_free(a);
    test_tensor_free(b);
}

/* ---- Cast ---- */

static struct tensor *cast(const struct tensor *x, enum dtype to, int opset) {
    struct test_node node;
    test_node_init(&node, "Cast", 1, 1);
    test_node_int(&node, "to", to);
    return test_run_all_ways(&node, opset, (const struct tensor *[]){x});
}

/* Strings have a test of their own: tests/e2e/values.py. */
/* Strings and numbers of eight bits and fewer have tests of their own (onnx's node tests). */
#define TYPES_PLAIN (TYPES_NUMBER | TYPES_BOOL | TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))

static void check_cast(const struct op *op, int opset, enum dtype from, void *context) {
    struct random random = random_from(test_seed() + from);
    (void)context;
    for (int to = 0; to < DTYPE_COUNT; to++) {
        if (!(op->outputs[0].types & TYPES_PLAIN & TYPE(to)) || !(TYPES_PLAIN & TYPE(from)))
            continue;
        const struct shape shape = to == (int)from ? (struct shape){2, {3, 9001}} : number_shape(&random, 5, 6);
        struct tensor *x = test_tensor_shape(from, &shape);
        number_fill(x, &random, -100, 100);
        struct tensor *y = cast(x, (enum dtype)to, opset);
        assert_int_equal(y->dtype, to);
        for (int64_t i = 0; i < tensor_elements(x); i++) {
            const double value = number_get(x, i);
            test_number(y, i, to == DTYPE_BOOL ? value != 0 : wrapped((enum dtype)to, value), 1, 0, "Cast");
        }
        test_tensor_free(x);
        test_tensor_free(y);
    }
}

/* What onnxruntime gives on x86 (NaN, infinities and what is out of range included). */
static void test_cast_out_of_range(void **state) {
    static const float x[] = {NAN, INFINITY, -INFINITY, 3e9f, -3e9f, 1e20f, -1.7f, 300.0f, -129.5f};
    static const struct {
        enum dtype to;
        double y[COUNT(x)];
    } cases[] = {
        {DTYPE_INT8, {0, 0, 0, 0, 0, 0, -1, 44, 127}},
        {DTYPE_UINT8, {0, 0, 0, 0, 0, 0, 255, 44, 127}},
        {DTYPE_INT16, {0, 0, 0, 0, 0, 0, -1, 300, -129}},
        {DTYPE_UINT16, {0, 0, 0, 0, 0, 0, 65535, 300, 65407}},
        {DTYPE_INT32, {INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, INT32_MIN, -1, 300, -129}},
        {DTYPE_INT64, {INT64_MIN, INT64_MIN, INT64_MIN, 3e9, -3e9, INT64_MIN, -1, 300, -129}},
        {DTYPE_UINT64, {0x1p63, 0, 0x1p63, 3e9, 0x1p64 - 3e9, 0, 0x1p64 - 1, 300, 0x1p64 - 129}},
        {DTYPE_BOOL, {1, 1, 1, 1, 1, 1, 1, 1, 1}},
        {DTYPE_FLOAT16, {NAN, INFINITY, -INFINITY, INFINITY, -INFINITY, INFINITY, -1.7001953125, 300, -129.5}},
    };
    (void)state;
    struct tensor *narrow = floats(COUNT(x), x), *wide = cast(narrow, DTYPE_DOUBLE, 13);
    for (size_t k = 0; k < COUNT(cases); k++)
        for (int source = 0; source < 2; source++) {
            struct tensor *y = cast(source ? wide : narrow, cases[k].to, 13);
            for (size_t i = 0; i < COUNT(x); i++)
                test_number(y, (int64_t)i, cases[k].y[i], 0, 0, "Cast");
            test_tensor_free(y);
        }
    test_tensor_free(narrow);
    test_tensor_free(wide);
}

/* The largest double below 2^63 fits; a NaN whose only digits are those that are cut off stays one. */
static void test_cast_edges(void **state) {
    static const uint32_t bits = 0x7f800001;
    struct tensor *x = test_tensor(DTYPE_DOUBLE, 0), *nan_number = test_tensor(DTYPE_FLOAT, 0);
    (void)state;
    *(double *)x->data = 0x1p63 - 1024;
    struct tensor *y = cast(x, DTYPE_INT64, 13);
    assert_true(*(const int64_t *)y->data == INT64_MAX - 1023);
    test_tensor_free(y);
    *(double *)x->data = 0x1p64 - 2048;
    y = cast(x, DTYPE_UINT64, 13);
    assert_true(*(const uint64_t *)y->data == UINT64_MAX - 2047);
    test_tensor_free(y);
    memcpy(nan_number->data, &bits, sizeof bits);
    y = cast(nan_number, DTYPE_BFLOAT16, 13);
    test_number(y, 0, (double)NAN, 0, 0, "Cast");
    test_tensor_free(y);
    y = cast(nan_number, DTYPE_FLOAT16, 13);
    test_number(y, 0, (double)NAN, 0, 0, "Cast");
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(nan_number);
}

/* Every 16-bit number goes through float and back; every point half way between two neighbours goes to the even one. */
static void check_small_floats(enum dtype dtype, int infinity) {
    struct tensor *all = test_tensor(dtype, 1, 0x10000), *ties = test_tensor(DTYPE_FLOAT, 1, infinity);
    for (int i = 0; i < 0x10000; i++)
        ((uint16_t *)all->data)[i] = (uint16_t)i;
    struct tensor *wide = cast(all, DTYPE_FLOAT, 13), *back = cast(wide, dtype, 13);
    for (int i = 0; i < 0x10000; i++) {
        const double expected = number_get(all, i);
        assert_true(isnan(expected) ? isnan(number_get(wide, i)) : number_get(wide, i) == expected);
        if (!isnan(expected))
            assert_int_equal(((uint16_t *)back->data)[i], i);
    }
    for (int i = 0; i + 1 < infinity; i++)
        ((float *)ties->data)[i] = (float)((number_get(all, i) + number_get(all, i + 1)) / 2);
    ((float *)ties->data)[infinity - 1] = INFINITY;
    struct tensor *wide_ties = cast(ties, DTYPE_DOUBLE, 13), *near = test_copy(wide_ties);
    for (int i = 0; i < infinity; i++) /* just above the tie, by less than a float can tell */
        ((double *)near->data)[i] *= 1 + 0x1p-50;
    struct tensor *even = cast(ties, dtype, 13), *same = cast(wide_ties, dtype, 13), *above = cast(near, dtype, 13);
    assert_memory_equal(even->data, same->data, even->bytes);
    for (int i = 0; i + 1 < infinity; i++) {
        assert_int_equal(((uint16_t *)even->data)[i], i + i % 2);
        assert_int_equal(((uint16_t *)above->data)[i], i + 1);
    }
    struct tensor *const owned[] = {all, ties, wide, back, wide_ties, near, even, same, above};
    for (size_t i = 0; i < COUNT(owned); i++)
        test_tensor_free(owned[i]);
}

static void test_cast(void **state) {
    struct test_node node;
    (void)state;
    for_each_record("Cast", check_cast, NULL);
    check_small_floats(DTYPE_FLOAT16, 0x7c00);
    check_small_floats(DTYPE_BFLOAT16, 0x7f80);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 3), *like = test_tensor(DTYPE_INT8, 0);
    ((float *)x->data)[1] = -2.5f;
    test_node_init(&node, "CastLike", 2, 1);
    test_node_int(&node, "saturate", 0);
    struct tensor *y = test_run_all_ways(&node, 19, (const struct tensor *[]){x, like});
    assert_int_equal(y->dtype, DTYPE_INT8);
    assert_memory_equal(y->data, "\0\376\0", 3);
    test_node_init(&node, "Cast", 1, 1);
    test_run_fails(&node, 13, (const struct tensor *[]){x}, STATUS_INVALID_MODEL, "\"to\" is missing");
    test_node_int(&node, "to", DTYPE_COMPLEX64);
    test_run_fails(&node, 13, (const struct tensor *[]){x}, STATUS_UNSUPPORTED, "complex64");
    test_node_init(&node, "Cast", 1, 1);
    test_node_int(&node, "to", 99);
    test_run_fails(&node, 13, (const struct tensor *[]){x}, STATUS_INVALID_MODEL, "99");
    test_tensor_free(x);
    test_tensor_free(y);
    test_tensor_free(like);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unary),
        cmocka_unit_test(test_unary_special_values),
        cmocka_unit_test(test_unary_precision),
        cmocka_unit_test(test_gelu_tanh),
        cmocka_unit_test(test_infinity_and_nan),
        cmocka_unit_test(test_smallest_integer),
        cmocka_unit_test(test_activation_bits),
        cmocka_unit_test(test_clip),
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_broadcast_errors),
        cmocka_unit_test(test_integer_division),
        cmocka_unit_test(test_mod_of_reals),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_pow),
        cmocka_unit_test(test_pow_of_integers),
        cmocka_unit_test(test_in_place_of_another_size),
        cmocka_unit_test(test_variadic),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_equal_strings),
        cmocka_unit_test(test_cast),
        cmocka_unit_test(test_cast_out_of_range),
        cmocka_unit_test(test_cast_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
