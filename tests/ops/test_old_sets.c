/* The forms that operators had in the operator sets 1 to 6, against their definitions. */
#include "tests/support/movement.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef double two_numbers(double x, double y);
static double sum(double x, double y) {
    return x + y;
}
static double difference(double x, double y) {
    return x - y;
}
static double product(double x, double y) {
    return x * y;
}
static double quotient(double x, double y) {
    return x / y;
}
static double both(double x, double y) {
    return x != 0 && y != 0;
}
static double either(double x, double y) {
    return x != 0 || y != 0;
}
static double one_of_them(double x, double y) {
    return (x != 0) != (y != 0);
}
static double equal(double x, double y) {
    return x == y;
}
static double greater(double x, double y) {
    return x > y;
}
static double less(double x, double y) {
    return x < y;
}

static const struct {
    const char *name;
    two_numbers *of;
    enum dtype types[2];
} pairs[] = {{"Add", sum, {DTYPE_FLOAT, DTYPE_INT64}},          {"Sub", difference, {DTYPE_DOUBLE, DTYPE_INT32}},
             {"Mul", product, {DTYPE_FLOAT, DTYPE_FLOAT16}},    {"Div", quotient, {DTYPE_DOUBLE, DTYPE_DOUBLE}},
             {"And", both, {DTYPE_BOOL, DTYPE_BOOL}},           {"Or", either, {DTYPE_BOOL, DTYPE_BOOL}},
             {"Xor", one_of_them, {DTYPE_BOOL, DTYPE_BOOL}},    {"Equal", equal, {DTYPE_INT32, DTYPE_INT64}},
             {"Greater", greater, {DTYPE_FLOAT, DTYPE_DOUBLE}}, {"Less", less, {DTYPE_FLOAT, DTYPE_DOUBLE}},
             {"Pow", pow, {DTYPE_DOUBLE, DTYPE_DOUBLE}}};
#define PAIRS ((int)(sizeof pairs / sizeof pairs[0]))

/* B's dimensions stand in A's from `axis` on; B may have ones. */
static int64_t place_in_b(const struct shape *a, const struct shape *b, int axis, int64_t flat) {
    int64_t index[MAX_RANK] = {0}, part[MAX_RANK] = {0};
    unravel(a, flat, index);
    for (int d = 0; d < b->rank; d++)
        part[d] = b->dims[d] == 1 ? 0 : index[axis + d];
    return ravel(b, part);
}

static void fill_pair(struct tensor *tensor, struct random *random) {
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i,
                   tensor->dtype == DTYPE_BOOL ? (double)random_int(random, 0, 1) : (double)random_int(random, 1, 4));
}

static void pairs_broadcast_by_axis(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(600); round++) {
        const int which = round % PAIRS, opset = (int)random_int(&random, 1, 6);
        const struct shape whole = number_shape(&random, 4, 6);
        const bool repeats = round % 4 != 0;
        int axis = (int)random_int(&random, 0, whole.rank);
        struct shape part = whole;
        if (repeats) {
            part.rank = (int)random_int(&random, 0, whole.rank - axis);
            for (int d = 0; d < part.rank; d++)
                part.dims[d] = random_int(&random, 0, 5) ? whole.dims[axis + d] : 1;
        } else {
            axis = 0;
        }
        const bool last = axis + part.rank == whole.rank;
        struct tensor *a = test_tensor_shape(pairs[which].types[round / PAIRS % 2], &whole),
                      *b = test_tensor_shape(a->dtype, &part);
        fill_pair(a, &random);
        fill_pair(b, &random);
        struct test_node node;
        test_node_init(&node, pairs[which].name, 2, 1);
        if (repeats)
            test_node_int(&node, "broadcast", 1);
        if (repeats && part.rank && (!last || round % 3))
            test_node_int(&node, "axis", round % 5 ? axis : axis - whole.rank);
        struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *const[]){a, b});
        assert_true(shape_equal(&y->shape, &whole));
        for (int64_t i = 0; i < tensor_elements(y); i++)
            test_number(y, i, pairs[which].of(number_get(a, i), number_get(b, place_in_b(&whole, &part, axis, i))), 4,
                        0, pairs[which].name);
        test_tensor_free(a);
        test_tensor_free(b);
        test_tensor_free(y);
    }
}

static void pairs_that_do_not_fit(void **state) {
    (void)state;
    struct tensor *a = test_tensor(DTYPE_FLOAT, 3, 2, 3, 4), *b = test_tensor(DTYPE_FLOAT, 1, 3);
    const struct tensor *const inputs[] = {a, b};
    struct test_node node;
    test_node_init(&node, "Add", 2, 1);
    test_run_fails(&node, 6, inputs, STATUS_SHAPE, "attribute \"broadcast\" is 0");
    test_node_int(&node, "broadcast", 1);
    test_run_fails(&node, 6, inputs, STATUS_SHAPE, "does not repeat to input 0 [2,3,4] from dimension 2 on");
    test_node_int(&node, "axis", 3);
    test_run_fails(&node, 6, inputs, STATUS_INVALID_MODEL, "axis is 3");
    test_run_fails(&node, 7, inputs, STATUS_UNSUPPORTED, "is not known at this opset");
    test_tensor_free(a);
    test_tensor_free(b);
}

/* Which inputs may be written over is of no matter, and not known from opset 6 on. */
static void consumed_inputs(void **state) {
    (void)state;
    static const char *const names[] = {"Abs",       "Ceil", "Elu",  "Exp",        "Floor", "HardSigmoid",
                                        "LeakyRelu", "Log",  "Neg",  "Reciprocal", "Relu",  "Selu",
                                        "Sigmoid",   "Sqrt", "Tanh", "Clip",       "Max",   "Sum"};
    static const int64_t list[] = {0};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct test_node node;
        test_node_init(&node, names[i], 1, 1);
        test_node_ints(&node, "consumed_inputs", list, 1);
        test_tensor_free(test_run_all_ways(&node, 1 + (int)i % 5, (const struct tensor *const[]){x}));
        test_run_fails(&node, 6, (const struct tensor *const[]){x}, STATUS_UNSUPPORTED,
                       "\"consumed_inputs\" is not known");
    }
    test_tensor_free(x);
}

static struct tensor *counting(enum dtype dtype, int first, struct shape shape) {
    struct tensor *tensor = test_tensor_shape(dtype, &shape);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)(first + i));
    return tensor;
}

static void check_numbers(struct tensor *y, struct shape shape, const double *expected) {
    assert_true(shape_equal(&y->shape, &shape));
    for (int64_t i = 0; i < tensor_elements(y); i++)
        /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): as many are given as the shape has */
        test_number(y, i, expected[i], 4, 1e-6, "element");
    test_tensor_free(y);
}

static void slopes_of_channels(void **state) {
    (void)state;
    struct tensor *x = counting(DTYPE_FLOAT, -6, shape_of(3, 1, 2, 3)),
                  *slope = counting(DTYPE_FLOAT, 2, shape_of(1, 2));
    struct test_node node;
    test_node_init(&node, "PRelu", 2, 1);
    check_numbers(test_run_all_ways(&node, 6, (const struct tensor *const[]){x, slope}), x->shape,
                  (double[]){-12, -10, -8, -9, -6, -3});
    test_run_fails(&node, 7, (const struct tensor *const[]){x, slope}, STATUS_SHAPE, "does not broadcast");
    slope->shape.dims[0] = 1;
    slope->bytes = sizeof(float);
    check_numbers(test_run_all_ways(&node, 1, (const struct tensor *const[]){x, slope}), x->shape,
                  (double[]){-12, -10, -8, -6, -4, -2});
    test_tensor_free(x);
    test_tensor_free(slope);
}

static void attributes_that_became_inputs(void **state) {
    (void)state;
    static const int64_t sizes[] = {0, -1}, paddings[] = {0, 1, 1, 0};
    struct tensor *x = counting(DTYPE_FLOAT, 1, shape_of(2, 2, 2));
    struct tensor *copies = counting(DTYPE_FLOAT, 2, shape_of(0)), *axis = counting(DTYPE_FLOAT, 1, shape_of(0));
    struct test_node node;
    test_node_init(&node, "Reshape", 1, 1);
    test_node_ints(&node, "shape", sizes, 2);
    check_numbers(test_run_all_ways(&node, 4, (const struct tensor *const[]){x}), x->shape, (double[]){1, 2, 3, 4});
    test_node_init(&node, "Reshape", 1, 1);
    test_run_fails(&node, 1, (const struct tensor *const[]){x}, STATUS_INVALID_MODEL, "\"shape\" is missing");
    test_node_init(&node, "Pad", 1, 1);
    test_node_ints(&node, "paddings", paddings, 4);
    test_node_float(&node, "value", 9);
    check_numbers(test_run_all_ways(&node, 1, (const struct tensor *const[]){x}), shape_of(2, 3, 3),
                  (double[]){9, 1, 2, 9, 3, 4, 9, 9, 9});
    test_node_init(&node, "Tile", 3, 1);
    check_numbers(test_run_all_ways(&node, 1, (const struct tensor *const[]){x, copies, axis}), shape_of(2, 2, 4),
                  (double[]){1, 2, 1, 2, 3, 4, 3, 4});
    test_node_init(&node, "Concat", 2, 1);
    check_numbers(test_run_all_ways(&node, 3, (const struct tensor *const[]){x, x}), shape_of(2, 2, 4),
                  (double[]){1, 2, 1, 2, 3, 4, 3, 4});
    test_run_fails(&node, 4, (const struct tensor *const[]){x, x}, STATUS_INVALID_MODEL, "\"axis\" is missing");
    test_node_init(&node, "Gemm", 3, 1);
    test_node_int(&node, "broadcast", 1);
    check_numbers(test_run_all_ways(&node, 6, (const struct tensor *const[]){x, x, copies}), x->shape,
                  (double[]){9, 12, 17, 24});
    test_tensor_free(x);
    test_tensor_free(copies);
    test_tensor_free(axis);
}

static void types_as_texts(void **state) {
    (void)state;
    struct tensor *x = counting(DTYPE_FLOAT, -1, shape_of(1, 3));
    struct test_node node;
    test_node_init(&node, "Cast", 1, 1);
    test_node_text(&node, "to", "INT64");
    struct tensor *y = test_run_all_ways(&node, 5, (const struct tensor *const[]){x});
    assert_int_equal(y->dtype, DTYPE_INT64);
    check_numbers(y, x->shape, (double[]){-1, 0, 1});
    test_run_fails(&node, 6, (const struct tensor *const[]){x}, STATUS_INVALID_MODEL, "which is no element type");
    test_node_init(&node, "Cast", 1, 1);
    test_node_text(&node, "to", "NUMBER");
    test_run_fails(&node, 1, (const struct tensor *const[]){x}, STATUS_INVALID_MODEL, "no element type");
    test_tensor_free(x);
}

static void other_defaults(void **state) {
    (void)state;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 2);
    struct test_node node;
    ((float *)x->data)[0] = INFINITY;
    ((float *)x->data)[1] = -1;
    test_node_init(&node, "Clip", 1, 1);
    struct tensor *y = test_run_all_ways(&node, 1, (const struct tensor *const[]){x});
    assert_true(isinf(((float *)y->data)[0]));
    test_tensor_free(y);
    ((float *)x->data)[0] = 1;
    test_node_init(&node, "Selu", 1, 1);
    check_numbers(test_run_all_ways(&node, 1, (const struct tensor *const[]){x}), x->shape,
                  (double[]){(double)1.0507f, (double)1.0507f * (double)1.6732f * expm1(-1)});
    test_node_init(&node, "Dropout", 1, 1);
    test_node_int(&node, "is_test", 1);
    check_numbers(test_run_all_ways(&node, 6, (const struct tensor *const[]){x}), x->shape, (double[]){1, -1});
    test_tensor_free(x);
    x = test_tensor(DTYPE_FLOAT, 1, 20000);
    for (int i = 0; i < 20000; i++)
        ((float *)x->data)[i] = 1;
    struct error err;
    test_node_init(&node, "Dropout", 1, 1);
    test_node_float(&node, "ratio", 0.25f);
    y = test_run(&node, 1, (const struct tensor *const[]){x}, 3, -1, &err);
    double dropped = 0;
    for (int i = 0; i < 20000; i++) {
        const double value = number_get(y, i);
        assert_true(value == 0 || fabs(value - 4.0 / 3) < 1e-6);
        dropped += value == 0;
    }
    assert_true(fabs(dropped / 20000 - 0.25) < 6 * sqrt(0.25 * 0.75 / 20000));
    test_tensor_free(x);
    test_tensor_free(y);
}

/* Forms of ONNX 1.0 that were experimental: MeanVarianceNormalization by channel or across them, ThresholdedRelu. */
static void experimental_forms(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct tensor *x = test_tensor(DTYPE_DOUBLE, 4, 2, 3, 4, 5);
    struct test_node node;
    number_fill(x, &random, -5, 5);
    for (int across = 0; across < 2; across++) {
        const int64_t count = across ? 60 : 20;
        test_node_init(&node, "MeanVarianceNormalization", 1, 1);
        test_node_int(&node, "across_channels", across);
        struct tensor *y = test_run_all_ways(&node, 1, (const struct tensor *const[]){x});
        for (int64_t i = 0; i < 120; i++) {
            double mean = 0, square = 0;
            for (int64_t k = i / count * count; k < i / count * count + count; k++) {
                mean += number_get(x, k) / (double)count;
                square += number_get(x, k) * number_get(x, k) / (double)count;
            }
            test_number(y, i, (number_get(x, i) - mean) / sqrt(square - mean * mean), 0, 1e-7, "a normalization");
        }
        test_tensor_free(y);
    }
    test_node_int(&node, "normalize_variance", 0);
    test_run_fails(&node, 1, (const struct tensor *const[]){x}, STATUS_UNSUPPORTED, "\"normalize_variance\"");
    test_node_init(&node, "ThresholdedRelu", 1, 1);
    test_node_float(&node, "alpha", 0.5f);
    struct tensor *y = test_run_all_ways(&node, 1, (const struct tensor *const[]){x});
    for (int64_t i = 0; i < 120; i++)
        test_number(y, i, number_get(x, i) > 0.5 ? number_get(x, i) : 0, 0, 0, "ThresholdedRelu");
    test_tensor_free(y);
    test_tensor_free(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_broadcast_by_axis),
                                       cmocka_unit_test(pairs_that_do_not_fit),
                                       cmocka_unit_test(consumed_inputs),
                                       cmocka_unit_test(slopes_of_channels),
                                       cmocka_unit_test(attributes_that_became_inputs),
                                       cmocka_unit_test(types_as_texts),
                                       cmocka_unit_test(other_defaults),
                                       cmocka_unit_test(experimental_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
