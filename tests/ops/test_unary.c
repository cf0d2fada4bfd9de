/* Element-wise operators of one input against plain double-precision formulas, on every element type that their
 * definitions promise. */
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
    struct tensor *input = number_floats(COUNT(x), x);
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
    struct tensor *input = number_floats(COUNT(x), x), *low = test_tensor(DTYPE_FLOAT, 1, 1),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
