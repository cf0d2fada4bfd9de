/* Gradient: derivatives beside differences in double precision, at other values than the graph's, and what is refused.
 */
#include "tests/support/builder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_INPUTS 3
#define STEP 1e-5

/* u = op(inputs), of doubles x0, x1, ... of these shapes, and constants a and b. */
struct layer {
    const char *op, *inputs, *shapes[MOST_INPUTS];
    const char *a, *b;                     /* whole numbers */
    const char *attribute, *list, *second; /* attributes: a list, or 1; another one that is 1 */
    int opset;
    bool positive;
};

static const struct layer layers[] = {
    {"Abs", "x0", .shapes = {"3,4"}},
    {"Add", "x0 x1", .shapes = {"3,4", "4"}},
    {"Sub", "x0 x1", .shapes = {"1,4", "3,1"}},
    {"Mul", "x0 x1", .shapes = {"2,1,4", "3,1"}},
    {"Div", "x0 x1", .shapes = {"", "2,3"}},
    {"Pow", "x0 x1", .shapes = {"3,4", "3,1"}, .positive = true},
    {"Neg", "x0", .shapes = {"3,4"}},
    {"Identity", "x0", .shapes = {"3,4"}},
    {"Exp", "x0", .shapes = {"3,4"}},
    {"Log", "x0", .shapes = {"3,4"}, .positive = true},
    {"Sqrt", "x0", .shapes = {"3,4"}, .positive = true},
    {"Reciprocal", "x0", .shapes = {"3,4"}},
    {"Sin", "x0", .shapes = {"3,4"}},
    {"Cos", "x0", .shapes = {"3,4"}},
    {"Tanh", "x0", .shapes = {"3,4"}},
    {"Sigmoid", "x0", .shapes = {"3,4"}},
    {"Relu", "x0", .shapes = {"3,4"}},
    {"LeakyRelu", "x0", .shapes = {"3,4"}},
    {"Softplus", "x0", .shapes = {"3,4"}},
    {"Erf", "x0", .shapes = {"3,4"}},
    {"Ceil", "x0", .shapes = {"3,4"}},
    {"Softmax", "x0", .shapes = {"3,4"}, .attribute = "axis"},
    {"LogSoftmax", "x0", .shapes = {"3,4"}},
    {"MatMul", "x0 x1", .shapes = {"3,4", "4,2"}},
    {"MatMul", "x0 x1", .shapes = {"2,1,3,4", "2,4,2"}},
    {"Gemm", "x0 x1 x2", .shapes = {"3,4", "4,2", "2"}},
    {"Gemm", "x0 x1 x2", .shapes = {"4,3", "4,2", "3,1"}, .attribute = "transA"},
    {"Gemm", "x0 x1 x2", .shapes = {"3,4", "2,4", ""}, .attribute = "transB"},
    {"Gemm", "x0 x1", .shapes = {"4,3", "2,4"}, .attribute = "transA", .second = "transB"},
    {"ReduceSum", "x0 a", .shapes = {"2,3,4"}, .a = "1"},
    {"ReduceMean", "x0", .shapes = {"2,3,4"}, .attribute = "axes", .list = "0,-1", .opset = 11},
    {"Sum", "x0 x1 x2", .shapes = {"2,3", "3", "2,1"}},
    {"Mean", "x0 x1 x0", .shapes = {"2,3", "3"}},
    {"Reshape", "x0 a", .shapes = {"2,6"}, .a = "3,4"},
    {"Flatten", "x0", .shapes = {"2,3,2"}},
    {"Squeeze", "x0", .shapes = {"2,1,3"}},
    {"Unsqueeze", "x0 a", .shapes = {"2,3"}, .a = "1"},
    {"Transpose", "x0", .shapes = {"2,3,4"}, .attribute = "perm", .list = "2,0,-2"},
    {"Transpose", "x0", .shapes = {"2,3"}},
    {"Concat", "x0 x1 x0", .shapes = {"2,3", "2,1"}, .attribute = "axis"},
    {"Expand", "x0 a", .shapes = {"3,1"}, .a = "2,3,4"},
    {"Slice", "x0 a b", .shapes = {"7"}, .a = "1", .b = "6"},
    {"Gather", "x0 a", .shapes = {"4,3"}, .a = "1,1,3"},
    {"CastLike", "x0 x1", .shapes = {"3", "2"}},
};

static struct tensor *random_doubles(const char *dims, bool positive, struct random *random) {
    struct shape shape = {0};
    for (const char *at = dims; *at; at += *at != 0)
        if (*at != ',')
            shape.dims[shape.rank++] = strtol(at, (char **)&at, 10);
    struct tensor *tensor = test_tensor_shape(DTYPE_DOUBLE, &shape);
    for (size_t i = 0; i < tensor->bytes / sizeof(double); i++) {
        const double x = random_float(random), size = 0.2 + fabs(x); /* far from where there is no derivative */
        ((double *)tensor->data)[i] = x < 0 && !positive ? -size : size;
    }
    return tensor;
}

static void gradient_node(struct builder *builder, const char *inputs, const char *outputs, const char *xs,
                          const char *y) {
    build_node(builder, "Gradient", inputs, outputs);
    build_name(builder, "", "ai.onnx.preview.training");
    build_attribute_texts(builder, "xs", xs);
    build_attribute_text(builder, "y", y);
}

static limner_model *layer_model(const struct layer *layer, int inputs) {
    static const char *const xs[] = {"x0", "x0 x1", "x0 x1 x2"}, *const ds[] = {"d0", "d0 d1", "d0 d1 d2"};
    struct builder builder = build_start(layer->opset ? layer->opset : 18);
    for (int i = 0; i < inputs; i++)
        build_input(&builder, (const char *[]){"x0", "x1", "x2"}[i], DTYPE_DOUBLE, layer->shapes[i]);
    if (layer->a)
        build_ints(&builder, "a", layer->a);
    if (layer->b)
        build_ints(&builder, "b", layer->b);
    build_node(&builder, layer->op, layer->inputs, "u");
    if (layer->attribute && layer->list)
        build_attribute_ints(&builder, layer->attribute, layer->list);
    else if (layer->attribute)
        build_attribute_int(&builder, layer->attribute, 1);
    if (layer->second)
        build_attribute_int(&builder, layer->second, 1);
    build_node(&builder, "Sin", "u", "y");
    gradient_node(&builder, xs[inputs - 1], ds[inputs - 1], xs[inputs - 1], "y");
    build_output(&builder, "y");
    for (int i = 0; i < inputs; i++)
        build_output(&builder, (const char *[]){"d0", "d1", "d2"}[i]);
    return build_model(&builder, 0);
}

static double sum_of(limner_session *session, const limner_tensor *given, size_t inputs) {
    limner_tensor y = {.name = "y"};
    double sum = 0;
    run_model(session, given, inputs, &y, 1);
    for (size_t i = 0; i < y.bytes / sizeof(double); i++)
        sum += ((const double *)y.data)[i];
    return sum;
}

static void check_layer(const struct layer *layer, struct random *random) {
    static const char *const names[] = {"x0", "x1", "x2"}, *const outputs[] = {"d0", "d1", "d2"};
    int inputs = 0;
    while (inputs < MOST_INPUTS && layer->shapes[inputs])
        inputs++;
    limner_model *model = layer_model(layer, inputs);
    limner_session *session = open_session(model, NULL);
    struct tensor *x[MOST_INPUTS];
    limner_tensor given[MOST_INPUTS];
    for (int i = 0; i < inputs; i++) {
        x[i] = random_doubles(layer->shapes[i], layer->positive, random);
        given[i] = as_input(names[i], x[i]);
    }
    for (int i = 0; i < inputs; i++) {
        limner_tensor d = {.name = outputs[i]};
        run_model(session, given, (size_t)inputs, &d, 1);
        assert_int_equal(d.bytes, x[i]->bytes);
        double *gradient = malloc(d.bytes), *at = x[i]->data;
        memcpy(gradient, d.data, d.bytes);
        for (size_t k = 0; k < x[i]->bytes / sizeof(double); k++) {
            const double value = at[k];
            at[k] = value + STEP;
            const double above = sum_of(session, given, (size_t)inputs);
            at[k] = value - STEP;
            const double expected = (above - sum_of(session, given, (size_t)inputs)) / (2 * STEP);
            at[k] = value;
            if (!(fabs(gradient[k] - expected) <= 1e-6 * (1 + fabs(expected))))
                fail_msg("%s: element %zu of input %d is %g, expected %g (seed %llu)", layer->op, k, i, gradient[k],
                         expected, (unsigned long long)test_seed());
        }
        free(gradient);
    }
    for (int i = 0; i < inputs; i++)
        test_tensor_free(x[i]);
    limner_session_close(session);
    limner_model_close(model);
}

static void beside_differences(void **state) {
    struct random random = random_from(test_seed());
    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        check_layer(&layers[i], &random);
}

/* y = sin(x w), of numbers. */
static struct builder sine(void) {
    struct builder builder = build_start(18);
    build_input(&builder, "x", DTYPE_DOUBLE, "");
    build_input(&builder, "w", DTYPE_DOUBLE, "");
    build_input(&builder, "v", DTYPE_DOUBLE, "");
    build_node(&builder, "Mul", "x w", "a");
    build_node(&builder, "Sin", "a", "y");
    return builder;
}

static void check_numbers(struct builder *builder, const char *const *names, const double *expected, int count) {
    const double values[] = {0.7, -1.3, 0.4};
    struct tensor *x[3];
    limner_tensor given[3];
    for (int i = 0; i < 3; i++) {
        x[i] = test_tensor(DTYPE_DOUBLE, 0);
        memcpy(x[i]->data, &values[i], sizeof values[i]);
        given[i] = as_input((const char *[]){"x", "w", "v"}[i], x[i]);
    }
    for (int i = 0; i < count; i++)
        build_output(builder, names[i]);
    limner_model *model = build_model(builder, 0);
    limner_session *session = open_session(model, NULL);
    for (int i = 0; i < count; i++) {
        limner_tensor d = {.name = names[i]};
        run_model(session, given, 3, &d, 1);
        if (!(fabs(*(const double *)d.data - expected[i]) <= 1e-12))
            fail_msg("%s is %g, expected %g", names[i], *(const double *)d.data, expected[i]);
    }
    limner_session_close(session);
    limner_model_close(model);
    for (int i = 0; i < 3; i++)
        test_tensor_free(x[i]);
}

static void at_other_values(void **state) {
    const double x = 0.7, w = -1.3, v = 0.4;
    (void)state;
    struct builder builder = sine();
    gradient_node(&builder, "v w", "dx dw", "x w", "y");
    check_numbers(&builder, (const char *[]){"dx", "dw", "y"},
                  (const double[]){cos(v * w) * w, cos(v * w) * v, sin(x * w)}, 3);
    builder = sine(); /* from the middle of the graph; what lies before it does not count */
    gradient_node(&builder, "v w", "da dw", "a w", "y");
    check_numbers(&builder, (const char *[]){"da", "dw"}, (const double[]){cos(v), 0}, 2);
    builder = sine();
    gradient_node(&builder, "x v", "dx", "x", "y");
    build_attribute_texts(&builder, "zs", "w");
    check_numbers(&builder, (const char *[]){"dx"}, (const double[]){cos(x * v) * v}, 1);
    builder = sine(); /* of a gradient, and an output that nobody wants */
    gradient_node(&builder, "x w", "dx -", "x w", "y");
    gradient_node(&builder, "x w", "- dxw", "x w", "dx");
    check_numbers(&builder, (const char *[]){"dxw"}, (const double[]){cos(x * w) - sin(x * w) * x * w}, 1);
}

static void refused(struct builder builder, const char *message) {
    limner_error error;
    build_output(&builder, "d");
    assert_int_not_equal(build_failing(&builder, &error), LIMNER_OK);
    if (!strstr(error.message, message))
        fail_msg("\"%s\", expected \"%s\"", error.message, message);
}

static void refusals(void **state) {
    (void)state;
    struct builder builder = sine();
    build_node(&builder, "Asin", "y", "z");
    gradient_node(&builder, "x", "d", "x", "z");
    refused(builder, "the derivative of Asin is not known");
    builder = sine();
    gradient_node(&builder, "x", "d", "q", "y");
    refused(builder, "name no tensors of its graph");
    builder = sine();
    gradient_node(&builder, "x", "d", "x", "d");
    refused(builder, "names no tensor that nodes before this one make");
    builder = sine();
    gradient_node(&builder, "x", "d", "x w", "y");
    refused(builder, "has 1 inputs and 1 outputs for 2 tensors in \"xs\" and 0 in \"zs\"");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(beside_differences), cmocka_unit_test(at_other_values),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
