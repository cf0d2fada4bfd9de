/* Element-wise operators of any number of inputs against plain double-precision formulas, on every element type that
 * their definitions promise. */
#include "ops/registry.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

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
    struct tensor *a = number_floats(4, x), *b = number_floats(4, z);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_place_of_another_size),
        cmocka_unit_test(test_variadic),
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_equal_strings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
