/* Cast to and from every element type, and at the edges of each. */
#include "ops/registry.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

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

static void check_count(enum dtype from, enum dtype to, int count, struct random *random, int opset) {
    struct tensor *x = test_tensor(from, 1, count);
    number_fill(x, random, -100, 100);
    struct tensor *y = cast(x, to, opset);
    for (int64_t i = 0; i < count; i++) {
        const double value = number_get(x, i);
        test_number(y, i, to == DTYPE_BOOL ? value != 0 : number_wrapped(to, value), 1, 0, "Cast");
    }
    test_tensor_free(x);
    test_tensor_free(y);
}

/* So many numbers as vectors leave over, and some vectors. */
static void test_cast_counts(void **state) {
    struct random random = random_from(test_seed());
    (void)state;
    for (int from = 0; from < DTYPE_COUNT; from++)
        for (int to = 0; to < DTYPE_COUNT; to++)
            for (int count = 1; count < 50 && TYPES_PLAIN & TYPE(from) && TYPES_PLAIN & TYPE(to); count++)
                if (test_cases(100) >= random_int(&random, 1, 100))
                    check_count((enum dtype)from, (enum dtype)to, count, &random, 21);
}

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
            test_number(y, i, to == DTYPE_BOOL ? value != 0 : number_wrapped((enum dtype)to, value), 1, 0, "Cast");
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
    struct tensor *narrow = number_floats(COUNT(x), x), *wide = cast(narrow, DTYPE_DOUBLE, 13);
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

/* Every byte but 0 is true; NaN and what is almost 0 are, -0 is not. */
static void test_cast_bools(void **state) {
    static const float reals[] = {0.0f, -0.0f, NAN, 1e-30f, -1e-30f, INFINITY, -INFINITY, 0.5f};
    static const uint8_t truths[] = {0, 0, 1, 1, 1, 1, 1, 1};
    (void)state;
    struct tensor *x = number_floats(COUNT(reals), reals), *y = cast(x, DTYPE_BOOL, 13);
    assert_memory_equal(y->data, truths, sizeof truths);
    test_tensor_free(x);
    test_tensor_free(y);
    for (int count = 1; count < 150; count += 1 + count / 10) {
        x = test_tensor(DTYPE_BOOL, 1, count);
        for (int i = 0; i < count; i++)
            ((uint8_t *)x->data)[i] = (uint8_t)(i % 3 == 0 ? 0 : i % 3 == 1 ? 1 : i);
        y = cast(x, DTYPE_FLOAT, 13);
        for (int i = 0; i < count; i++)
            test_number(y, i, i % 3 != 0, 0, 0, "Cast");
        test_tensor_free(x);
        test_tensor_free(y);
    }
}

/* The table of the specification: what a type cannot hold becomes its largest number, or an infinity or NaN. */
static void test_cast_saturates(void **state) {
    enum { NOT_A_NUMBER = -1 };
    static const float x[] = {448, 1e6f, -1e6f, INFINITY, -INFINITY, NAN, -0.0f};
    static const struct {
        enum dtype to;
        int cut[COUNT(x)], other[COUNT(x)]; /* codes with saturate and without */
    } cases[] = {
        {DTYPE_FLOAT8E4M3FN,
         {0x7e, 0x7e, 0xfe, 0x7e, 0xfe, NOT_A_NUMBER, 0x80},
         {0x7e, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, 0x80}},
        {DTYPE_FLOAT8E5M2,
         {0x5f, 0x7b, 0xfb, 0x7b, 0xfb, NOT_A_NUMBER, 0x80},
         {0x5f, 0x7c, 0xfc, 0x7c, 0xfc, NOT_A_NUMBER, 0x80}},
        {DTYPE_FLOAT8E4M3FNUZ, {0x7f, 0x7f, 0xff, 0x7f, 0xff, 0x80, 0}, {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0}},
        {DTYPE_FLOAT8E5M2FNUZ, {0x63, 0x7f, 0xff, 0x7f, 0xff, 0x80, 0}, {0x63, 0x80, 0x80, 0x80, 0x80, 0x80, 0}},
    };
    (void)state;
    struct tensor *floats = number_floats(COUNT(x), x);
    for (size_t k = 0; k < 2 * COUNT(cases); k++) {
        struct test_node node;
        test_node_init(&node, "Cast", 1, 1);
        test_node_int(&node, "to", cases[k / 2].to);
        test_node_int(&node, "saturate", k % 2 == 0);
        struct tensor *y = test_run_all_ways(&node, 19, (const struct tensor *[]){floats});
        for (size_t i = 0; i < COUNT(x); i++) {
            const int expected = (k % 2 ? cases[k / 2].other : cases[k / 2].cut)[i], code = ((uint8_t *)y->data)[i];
            if (expected == NOT_A_NUMBER)
                assert_true((code & 0x7f) > (cases[k / 2].to == DTYPE_FLOAT8E5M2 ? 0x7c : 0x7e));
            else
                assert_int_equal(code, expected);
        }
        test_tensor_free(y);
    }
    test_tensor_free(floats);
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
        cmocka_unit_test(test_cast),       cmocka_unit_test(test_cast_counts), cmocka_unit_test(test_cast_out_of_range),
        cmocka_unit_test(test_cast_edges), cmocka_unit_test(test_cast_bools),  cmocka_unit_test(test_cast_saturates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
