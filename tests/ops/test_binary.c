/* Element-wise operators of two inputs against plain double-precision formulas, on every element type that their
 * definitions promise. */
#include "ops/registry.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

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
        test_number(y, i, number_wrapped(y->dtype, binary->reference(x0, x1)), 2, 0, binary->name);
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

/* What one element of an integer operation is, of numbers that 64 bits hold. */
static uint64_t ref_whole(int what, uint64_t x, uint64_t y, bool with_sign) {
    const int64_t a = (int64_t)x, b = (int64_t)y;
    if (what == 0)
        return x * y;
    if (what == 1)
        return x == y;
    if (y == 0 || (with_sign && b == -1))
        return what == 2 && y != 0 ? 0 - x : 0;
    if (!with_sign)
        return what == 2 ? x / y : x % y;
    return (uint64_t)(what == 2 ? a / b : ref_mod(a, b, what == 4));
}

static uint64_t whole_at(const struct tensor *tensor, int64_t i, bool with_sign) {
    const unsigned bits = dtype_bits(tensor->dtype);
    uint64_t x = 0;
    memcpy(&x, (const char *)tensor->data + i * (bits / 8), bits / 8);
    return with_sign && bits < 64 && x >> (bits - 1) ? x | UINT64_MAX << bits : x;
}

/* All bits, and often 0, 1, -1 and the ends of the type. */
static void fill_whole(struct tensor *tensor, struct random *random) {
    const size_t size = dtype_size(tensor->dtype);
    for (int64_t i = 0; i < tensor_elements(tensor); i++) {
        static const uint64_t ends[] = {0, 1, UINT64_MAX, 0, 0};
        uint64_t x = random_next(random);
        const int64_t which = random_int(random, 0, 12);
        if (which < 5)
            x = which == 3 ? 1ull << (8 * size - 1) : which == 4 ? (1ull << (8 * size - 1)) - 1 : ends[which];
        memcpy((char *)tensor->data + (size_t)i * size, &x, size);
    }
}

static void check_whole(const struct op *op, int opset, enum dtype dtype, void *context) {
    static const int sizes[] = {1, 7, 63, 64, 65, 130, 1000};
    const int what = *(const int *)context;
    const bool with_sign = number_is_signed(dtype);
    struct random random = random_from(test_seed() + dtype);
    if (!number_is_integer(dtype) || dtype == DTYPE_BOOL)
        return;
    for (size_t trial = 0; trial < 3 * COUNT(sizes); trial++) {
        const int size = sizes[trial / 3], a_size = trial % 3 == 1 ? 1 : size, b_size = trial % 3 == 2 ? 1 : size;
        struct tensor *a = test_tensor(dtype, 2, 3, a_size), *b = test_tensor(dtype, 2, 3, b_size);
        struct test_node node;
        fill_whole(a, &random);
        fill_whole(b, &random);
        test_node_init(&node, op->name, 2, 1);
        if (what == 4)
            test_node_int(&node, "fmod", 1);
        struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){a, b});
        for (int i = 0; i < 3 * size; i++) {
            const uint64_t p = whole_at(a, a_size == 1 ? i / size : i, with_sign);
            const uint64_t q = whole_at(b, b_size == 1 ? i / size : i, with_sign);
            const uint64_t expected = ref_whole(what, p, q, with_sign);
            assert_true(whole_at(y, i, false) == (expected & UINT64_MAX >> (64 - dtype_bits(y->dtype))));
        }
        test_tensor_free(a);
        test_tensor_free(b);
        test_tensor_free(y);
    }
}

static void test_whole_numbers(void **state) {
    static const char *const names[] = {"Mul", "Equal", "Div", "Mod", "Mod"};
    (void)state;
    for (int what = 0; what < (int)COUNT(names); what++)
        for_each_record(names[what], check_whole, &what);
}

static void check_signed(const struct tensor *tensor, size_t i, float expected) {
    test_number(tensor, (int64_t)i, (double)expected, 0, 0, "Mod");
    assert_true(isnan(expected) || signbit(((const float *)tensor->data)[i]) == signbit(expected));
}

/* The remainder has the sign of the dividend (fmod) or of the divisor, zeros included. */
static void test_mod_of_reals(void **state) {
    static const float x[] = {5.5f, -5.5f, 5.5f,  NAN, INFINITY, 1.0f,   -1.0f, 4,
                              -4,   0.0f,  -0.0f, 1,   1e30f,    -1e30f, 1e-3f};
    static const float y[] = {2, 2, -2, 1, 1, INFINITY, INFINITY, -2, 2, -3, 3, 0, 7, 7, 1e30f};
    static const float expected[] = {1.5f,  -1.5f, 1.5f,  NAN, NAN, 1.0f, -1.0f, 0.0f,
                                     -0.0f, 0.0f,  -0.0f, NAN, 1,   -1,   1e-3f};
    static const float floored[] = {1.5f, 0.5f,  -0.5f, NAN, NAN, 1.0f, INFINITY, -0.0f,
                                    0.0f, -0.0f, 0.0f,  NAN, 1,   6,    1e-3f};
    struct test_node node;
    struct tensor *a = number_floats(COUNT(x), x), *b = number_floats(COUNT(y), y);
    (void)state;
    test_node_init(&node, "Mod", 2, 1);
    struct tensor *result = test_run_all_ways(&node, 13, (const struct tensor *[]){a, b});
    for (size_t i = 0; i < COUNT(x); i++)
        check_signed(result, i, floored[i]);
    test_tensor_free(result);
    test_node_int(&node, "fmod", 1);
    result = test_run_all_ways(&node, 13, (const struct tensor *[]){a, b});
    for (size_t i = 0; i < COUNT(x); i++)
        check_signed(result, i, expected[i]);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binary),
        cmocka_unit_test(test_broadcast_errors),
        cmocka_unit_test(test_integer_division),
        cmocka_unit_test(test_whole_numbers),
        cmocka_unit_test(test_mod_of_reals),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_pow),
        cmocka_unit_test(test_pow_of_integers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
