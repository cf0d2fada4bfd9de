/* BatchNormalization and InstanceNormalization against the formulas in double precision. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 200
#define EPSILON 1e-3

static struct tensor *random_tensor(struct random *random, const struct shape *shape, float offset) {
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, shape);
    test_fill(tensor, random);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        ((float *)tensor->data)[i] += offset;
    return tensor;
}

static struct shape random_shape(struct random *random, int least_rank) {
    struct shape shape = {.rank = (int)random_int(random, least_rank, 5)};
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = random_int(random, 1, d < 2 ? 5 : 13);
    return shape;
}

struct statistics {
    struct tensor *scale, *bias, *mean, *variance;
};

static struct statistics random_statistics(struct random *random, const struct shape *shape) {
    return (struct statistics){random_tensor(random, shape, 0.5f), random_tensor(random, shape, 0),
                               random_tensor(random, shape, 0), random_tensor(random, shape, 1.25f)};
}

static double get(const struct tensor *tensor, int64_t i) {
    return ((const float *)tensor->data)[i];
}

static double *batch_reference(const struct tensor *x, const struct statistics *s) {
    const int64_t count = tensor_elements(x), groups = tensor_elements(s->scale);
    const int64_t batch = x->shape.rank > 1 ? x->shape.dims[0] : count, plane = count / (batch * groups);
    double *y = calloc((size_t)count, sizeof *y);
    assert_non_null(y);
    for (int64_t i = 0; i < count; i++) {
        const int64_t c = i / plane % groups;
        y[i] = get(s->scale, c) * (get(x, i) - get(s->mean, c)) / sqrt(get(s->variance, c) + (double)(float)EPSILON) +
               get(s->bias, c);
    }
    return y;
}

static void free_statistics(const struct statistics *s) {
    test_tensor_free(s->scale);
    test_tensor_free(s->bias);
    test_tensor_free(s->mean);
    test_tensor_free(s->variance);
}

static void check_batch(const struct tensor *x, const struct statistics *s, int opset, bool per_element) {
    const struct tensor *inputs[] = {x, s->scale, s->bias, s->mean, s->variance};
    struct tensor y, *outputs[] = {&y};
    struct test_node node;
    test_node_init(&node, "BatchNormalization", 5, 1);
    test_node_float(&node, "epsilon", (float)EPSILON);
    test_node_float(&node, "momentum", 0.9f);
    if (per_element)
        test_node_int(&node, "spatial", 0);
    test_evaluate(&node, opset, inputs, outputs);
    double *expected = batch_reference(x, s);
    test_close(y.data, expected, (size_t)tensor_elements(&y), 1e-5, 1e-5, "BatchNormalization");
    free(expected);
    free(y.data);
}

static void test_batch(void **unused) {
    (void)unused;
    static const int opsets[] = {7, 9, 14, 15};
    struct random random = random_from(test_seed() + 21);
    for (int i = 0; i < test_cases(CASES); i++) {
        const struct shape shape = random_shape(&random, 1);
        const bool per_element = shape.rank > 1 && random_int(&random, 0, 3) == 0;
        struct shape statistics = {1, {shape.rank > 1 ? shape.dims[1] : 1}};
        if (per_element) {
            statistics.rank = shape.rank - 1;
            memcpy(statistics.dims, shape.dims + 1, (size_t)statistics.rank * sizeof *statistics.dims);
        }
        struct tensor *x = random_tensor(&random, &shape, 0);
        const struct statistics s = random_statistics(&random, &statistics);
        check_batch(x, &s, per_element ? 7 : opsets[random_int(&random, 0, 3)], per_element);
        free_statistics(&s);
        test_tensor_free(x);
    }
}

static double *instance_reference(const struct tensor *x, const struct statistics *s) {
    const int64_t count = tensor_elements(x), channels = x->shape.dims[1];
    const int64_t planes = x->shape.dims[0] * channels, plane = count / planes;
    double *y = calloc((size_t)count, sizeof *y);
    assert_non_null(y);
    for (int64_t p = 0; p < planes; p++) {
        double mean = 0, variance = 0;
        for (int64_t i = 0; i < plane; i++)
            mean += get(x, p * plane + i) / (double)plane;
        for (int64_t i = 0; i < plane; i++)
            variance += (get(x, p * plane + i) - mean) * (get(x, p * plane + i) - mean) / (double)plane;
        for (int64_t i = 0; i < plane; i++)
            y[p * plane + i] = get(s->scale, p % channels) * (get(x, p * plane + i) - mean) / sqrt(variance + EPSILON) +
                               get(s->bias, p % channels);
    }
    return y;
}

/* A large mean beside a small spread: sums of squares in single precision would lose every digit. */
static void test_instance(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 22);
    for (int i = 0; i < test_cases(CASES); i++) {
        const struct shape shape = random_shape(&random, 3);
        struct tensor *x = random_tensor(&random, &shape, i % 2 ? 0 : 1000);
        const struct statistics s = random_statistics(&random, &(struct shape){1, {shape.dims[1]}});
        const struct tensor *inputs[] = {x, s.scale, s.bias};
        struct tensor y, *outputs[] = {&y};
        struct test_node node;
        test_node_init(&node, "InstanceNormalization", 3, 1);
        test_node_float(&node, "epsilon", (float)EPSILON);
        test_evaluate(&node, i % 3 ? 6 : 22, inputs, outputs);
        double *expected = instance_reference(x, &s);
        test_close(y.data, expected, (size_t)tensor_elements(&y), 1e-4, i % 2 ? 1e-5 : 5e-4, "InstanceNormalization");
        free(expected);
        free(y.data);
        free_statistics(&s);
        test_tensor_free(x);
    }
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 3, 2, 3, 4), *three = test_tensor(DTYPE_FLOAT, 1, 3);
    struct tensor *four = test_tensor(DTYPE_FLOAT, 1, 4);
    const struct tensor *wrong[] = {x, three, three, four, three}, *good[] = {x, three, three, three, three};
    struct tensor y, *outputs[] = {&y};
    struct test_node node;
    struct error err;
    test_node_init(&node, "BatchNormalization", 5, 1);
    assert_int_equal(op_evaluate(&node.node, 9, wrong, outputs, test_kernels(), 1, SIZE_MAX, &err), STATUS_SHAPE);
    assert_string_equal(err.message, "input 3 (mean) is [4], expected [3] for input 0 (X) [2,3,4]");
    struct tensor more, *two[] = {&y, &more};
    test_node_init(&node, "BatchNormalization", 5, 2);
    assert_int_equal(op_evaluate(&node.node, 15, good, two, test_kernels(), 1, SIZE_MAX, &err), STATUS_INVALID_MODEL);
    assert_non_null(strstr(err.message, "training_mode"));
    test_tensor_free(x);
    test_tensor_free(three);
    test_tensor_free(four);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_batch), cmocka_unit_test(test_instance),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
