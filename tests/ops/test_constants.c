/* Operators that make values of nothing but shapes and attributes: Shape, Size, Constant, ConstantOfShape, Range. */
#include "tests/support/movement.h"

#include <math.h>
#include <string.h>

/* ---- Shape and Size ---- */

static void check_ints(struct tensor *output, int rank, int64_t count, const int64_t *expected) {
    assert_int_equal(output->dtype, DTYPE_INT64);
    assert_int_equal(output->shape.rank, rank);
    assert_int_equal(tensor_elements(output), count);
    assert_memory_equal(output->data, expected, (size_t)count * sizeof *expected);
    test_tensor_free(output);
}

static void test_shape(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < 500; round++) {
        const struct shape shape = random_shape(&random, 0, 8);
        struct tensor *data = random_tensor(&random, (enum dtype)(1 + round % DTYPE_INT2), &shape);
        struct test_node node;
        test_node_init(&node, "Shape", 1, 1);
        int64_t start = 0, end = shape.rank;
        if (round % 3) {
            start = random_int(&random, -shape.rank - 2, shape.rank + 2);
            test_node_int(&node, "start", round % 7 ? start : INT64_MIN);
            start = round % 7 ? start < 0 ? start + shape.rank : start : 0;
        }
        if (round % 5) {
            end = random_int(&random, -shape.rank - 2, shape.rank + 2);
            test_node_int(&node, "end", round % 11 ? end : INT64_MAX);
            end = round % 11 ? end < 0 ? end + shape.rank : end : shape.rank;
        }
        int64_t expected[MAX_RANK];
        int count = 0;
        for (int64_t i = start < 0 ? 0 : start; i < end && i < shape.rank; i++)
            expected[count++] = shape.dims[i];
        const int opset = round % 3 || round % 5 ? 15 + round % 10 : 7 + round % 18;
        check_ints(evaluate_moved(&node, opset, (const struct tensor *const[]){data}), 1, count, expected);
        test_node_init(&node, "Size", 1, 1);
        check_ints(evaluate_moved(&node, opset, (const struct tensor *const[]){data}), 0, 1,
                   (int64_t[]){shape_elements(&shape)});
        test_tensor_free(data);
    }
}

static void test_shape_unknown_attribute(void **state) {
    (void)state;
    struct tensor *data = test_tensor(DTYPE_FLOAT, 1, 2);
    struct test_node node;
    test_node_init(&node, "Shape", 1, 1);
    test_node_int(&node, "start", 0);
    assert_status(&node, 13, (const struct tensor *const[]){data}, STATUS_UNSUPPORTED, "\"start\"");
    test_tensor_free(data);
}

/* ---- Constant ---- */

static void check_constant(struct test_node *node, int opset, enum dtype dtype, int rank, const void *bytes,
                           size_t size) {
    struct tensor *output = evaluate_moved(node, opset, NULL);
    assert_int_equal(output->dtype, dtype);
    assert_int_equal(output->shape.rank, rank);
    assert_int_equal(output->bytes, size);
    assert_memory_equal(output->data, bytes, size);
    test_tensor_free(output);
}

static struct attribute *add_attribute(struct test_node *node, const char *name, enum attribute_type type) {
    test_node_int(node, name, 0);
    struct attribute *attribute = &node->attributes[node->node.attribute_count - 1];
    attribute->type = type;
    return attribute;
}

static void test_constant_numbers(void **state) {
    (void)state;
    const float floats[] = {1.5f, -2}, number = 2.5f;
    const int64_t ints[] = {3, INT64_MIN, 5}, integer = -7;
    struct test_node node;
    test_node_init(&node, "Constant", 0, 1);
    test_node_float(&node, "value_float", number);
    check_constant(&node, 12, DTYPE_FLOAT, 0, &number, sizeof number);
    test_node_init(&node, "Constant", 0, 1);
    test_node_int(&node, "value_int", integer);
    check_constant(&node, 12, DTYPE_INT64, 0, &integer, sizeof integer);
    test_node_init(&node, "Constant", 0, 1);
    test_node_floats(&node, "value_floats", floats, 2);
    check_constant(&node, 24, DTYPE_FLOAT, 1, floats, sizeof floats);
    test_node_init(&node, "Constant", 0, 1);
    test_node_ints(&node, "value_ints", ints, 3);
    check_constant(&node, 13, DTYPE_INT64, 1, ints, sizeof ints);
    test_node_init(&node, "Constant", 0, 1);
    test_node_ints(&node, "value_ints", NULL, 0);
    check_constant(&node, 13, DTYPE_INT64, 1, ints, 0);
}

static void test_constant_texts(void **state) {
    (void)state;
    const struct text texts[] = {{"a", 1}, {"b\0c", 3}};
    struct test_node node;
    test_node_init(&node, "Constant", 0, 1);
    add_attribute(&node, "value_string", ATTRIBUTE_STRING)->s = texts[1];
    check_constant(&node, 12, DTYPE_STRING, 0, &texts[1], sizeof texts[1]);
    test_node_init(&node, "Constant", 0, 1);
    struct attribute *list = add_attribute(&node, "value_strings", ATTRIBUTE_STRINGS);
    list->strings = texts;
    list->count = 2;
    check_constant(&node, 12, DTYPE_STRING, 1, texts, sizeof texts);
}

static void test_constant_tensors(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int dtype = DTYPE_FLOAT; dtype <= DTYPE_INT2; dtype++) {
        const struct shape shape = random_shape(&random, 0, 5);
        struct tensor *value = random_tensor(&random, (enum dtype)dtype, &shape);
        struct test_node node;
        test_node_init(&node, "Constant", 0, 1);
        test_node_tensor(&node, "value", value);
        check_constant(&node, 7 + dtype % 18, (enum dtype)dtype, shape.rank, value->data, value->bytes);
        test_tensor_free(value);
    }
}

static void test_constant_refusals(void **state) {
    (void)state;
    struct test_node none, two, wrong, early;
    test_node_init(&none, "Constant", 0, 1);
    assert_status(&none, 13, NULL, STATUS_INVALID_MODEL, "\"value\" is missing");
    test_node_init(&two, "Constant", 0, 1);
    test_node_int(&two, "value_int", 1);
    test_node_float(&two, "value_float", 1);
    assert_status(&two, 13, NULL, STATUS_INVALID_MODEL, "exclude each other");
    test_node_init(&wrong, "Constant", 0, 1);
    test_node_int(&wrong, "value", 1);
    assert_status(&wrong, 13, NULL, STATUS_INVALID_MODEL, "is of type int, expected tensor");
    test_node_init(&early, "Constant", 0, 1);
    test_node_int(&early, "value_int", 1);
    assert_status(&early, 11, NULL, STATUS_INVALID_MODEL, "\"value\" is missing");
}

/* ---- ConstantOfShape ---- */

static void test_constant_of_shape(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < 200; round++) {
        const struct shape shape = random_shape(&random, 0, 6), one = shape_of(1, 1), scalar = {0};
        struct tensor *list = test_ints(shape.rank, shape.dims);
        struct tensor *value =
            random_tensor(&random, movement_types[round % MOVEMENT_TYPES], round % 2 ? &one : &scalar);
        struct test_node node;
        test_node_init(&node, "ConstantOfShape", 1, 1);
        const bool given = round % 5;
        if (given)
            test_node_tensor(&node, "value", value);
        struct tensor *output = evaluate_moved(&node, 9 + round % 16, (const struct tensor *const[]){list});
        assert_int_equal(output->dtype, given ? value->dtype : DTYPE_FLOAT);
        assert_true(shape_equal(&output->shape, &shape));
        const size_t size = dtype_size(output->dtype);
        for (int64_t i = 0; i < tensor_elements(output); i++)
            assert_memory_equal((char *)output->data + (size_t)i * size, given ? value->data : "\0\0\0", size);
        test_tensor_free(output);
        test_tensor_free(list);
        test_tensor_free(value);
    }
}

static void refuse_fill(int count, const int64_t *list, const struct tensor *value, status code, const char *fragment) {
    struct tensor *shape = test_ints(count, list);
    struct test_node node;
    test_node_init(&node, "ConstantOfShape", 1, 1);
    if (value)
        test_node_tensor(&node, "value", value);
    assert_status(&node, 21, (const struct tensor *const[]){shape}, code, fragment);
    test_tensor_free(shape);
}

static void test_constant_of_shape_refusals(void **state) {
    (void)state;
    struct tensor *two = test_tensor(DTYPE_FLOAT, 1, 2), *packed = test_tensor(DTYPE_INT4, 1, 1);
    refuse_fill(2, (int64_t[]){3, -1}, NULL, STATUS_SHAPE, "input[1] is -1");
    refuse_fill(2, (int64_t[]){INT64_MIN, 0}, NULL, STATUS_SHAPE, "input[0] is -9223372036854775808");
    refuse_fill(2, (int64_t[]){INT64_MAX, 2}, NULL, STATUS_LIMIT, "no valid size");
    refuse_fill(2, (int64_t[]){INT64_MAX, INT64_MAX}, NULL, STATUS_LIMIT, "no valid size");
    refuse_fill(1, (int64_t[]){(int64_t)1 << 40}, NULL, STATUS_LIMIT, "the limit is");
    refuse_fill(1, (int64_t[]){1}, two, STATUS_INVALID_MODEL, "has shape [2], expected one element");
    refuse_fill(1, (int64_t[]){1}, packed, STATUS_UNSUPPORTED, "int4");
    test_tensor_free(two);
    test_tensor_free(packed);
}

/* ---- Range ---- */

static struct tensor *scalar_of(enum dtype dtype, double value) {
    struct tensor *tensor = test_tensor(dtype, 0);
    const int64_t integer = (int64_t)value;
    const float narrow = (float)value;
    if (dtype == DTYPE_FLOAT)
        memcpy(tensor->data, &narrow, sizeof narrow);
    else if (dtype == DTYPE_DOUBLE)
        memcpy(tensor->data, &value, sizeof value);
    else
        memcpy(tensor->data, &integer, tensor->bytes); /* little-endian */
    return tensor;
}

static double number_at(const struct tensor *tensor, size_t i) {
    switch (tensor->dtype) {
    case DTYPE_FLOAT:
        return ((const float *)tensor->data)[i];
    case DTYPE_DOUBLE:
        return ((const double *)tensor->data)[i];
    case DTYPE_INT16:
        return ((const int16_t *)tensor->data)[i];
    case DTYPE_INT32:
        return ((const int32_t *)tensor->data)[i];
    default:
        return (double)((const int64_t *)tensor->data)[i];
    }
}

static void test_range(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_INT16, DTYPE_INT32, DTYPE_INT64};
    struct random random = random_from(test_seed() + 3);
    for (int round = 0; round < 500; round++) {
        const enum dtype dtype = types[round % 5];
        const double scale = round % 5 < 2 ? 0.25 : 1; /* exact in float */
        const double start = scale * (double)random_int(&random, -50, 50),
                     limit = scale * (double)random_int(&random, -50, 50);
        double delta = scale * (double)random_int(&random, -9, 9);
        if (delta == 0)
            delta = scale;
        struct tensor *inputs[] = {scalar_of(dtype, start), scalar_of(dtype, limit), scalar_of(dtype, delta)};
        struct test_node node;
        test_node_init(&node, "Range", 3, 1);
        struct tensor *output = evaluate_moved(&node, 11 + round % 17, (const struct tensor *const *)inputs);
        int64_t count = 0;
        for (double x = start; delta > 0 ? x < limit : x > limit; x += delta, count++)
            assert_true(count < tensor_elements(output) && number_at(output, (size_t)count) == x);
        assert_int_equal(tensor_elements(output), count);
        assert_int_equal(output->dtype, dtype);
        test_tensor_free(output);
        for (int i = 0; i < 3; i++)
            test_tensor_free(inputs[i]);
    }
}

static void range_case(enum dtype dtype, int64_t start, int64_t limit, int64_t delta, status code,
                       const char *fragment) {
    struct tensor *inputs[] = {scalar_of(dtype, 0), scalar_of(dtype, 0), scalar_of(dtype, 0)};
    const int64_t values[] = {start, limit, delta};
    for (int i = 0; i < 3; i++)
        memcpy(inputs[i]->data, &values[i], inputs[i]->bytes);
    struct test_node node;
    test_node_init(&node, "Range", 3, 1);
    assert_status(&node, 13, (const struct tensor *const *)inputs, code, fragment);
    for (int i = 0; i < 3; i++)
        test_tensor_free(inputs[i]);
}

static void test_range_limits(void **state) {
    (void)state;
    float infinite = INFINITY, nan = NAN, one = 1;
    int64_t infinite_bits = 0, nan_bits = 0, one_bits = 0;
    memcpy(&infinite_bits, &infinite, 4);
    memcpy(&nan_bits, &nan, 4);
    memcpy(&one_bits, &one, 4);
    range_case(DTYPE_INT64, 0, 5, 0, STATUS_INVALID_ARGUMENT, "do not make a list");
    range_case(DTYPE_INT64, INT64_MIN, INT64_MAX, 1, STATUS_INVALID_ARGUMENT, "do not make a list");
    range_case(DTYPE_INT64, INT64_MIN, INT64_MAX, INT64_MAX, STATUS_OK, "");
    range_case(DTYPE_INT64, INT64_MAX, INT64_MIN, INT64_MIN, STATUS_OK, "");
    range_case(DTYPE_INT64, 0, (int64_t)1 << 40, 1, STATUS_LIMIT, "the limit is");
    range_case(DTYPE_INT64, 0, (int64_t)1 << 62, 1, STATUS_LIMIT, "no valid size");
    range_case(DTYPE_FLOAT, 0, infinite_bits, one_bits, STATUS_INVALID_ARGUMENT, "do not make a list");
    range_case(DTYPE_FLOAT, 0, one_bits, nan_bits, STATUS_INVALID_ARGUMENT, "do not make a list");
    range_case(DTYPE_FLOAT, 0, one_bits, 0, STATUS_INVALID_ARGUMENT, "do not make a list");
    range_case(DTYPE_FLOAT, 0, one_bits, infinite_bits, STATUS_OK, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shape),
                                       cmocka_unit_test(test_shape_unknown_attribute),
                                       cmocka_unit_test(test_constant_numbers),
                                       cmocka_unit_test(test_constant_texts),
                                       cmocka_unit_test(test_constant_tensors),
                                       cmocka_unit_test(test_constant_refusals),
                                       cmocka_unit_test(test_constant_of_shape),
                                       cmocka_unit_test(test_constant_of_shape_refusals),
                                       cmocka_unit_test(test_range),
                                       cmocka_unit_test(test_range_limits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
