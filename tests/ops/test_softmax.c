/* Softmax, LogSoftmax and Hardmax in both of their definitions, against plain sums. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/* First index, step and number of the elements that element i is normalised with. */
struct column {
    int64_t first, step, size;
};

static struct column column_of(const struct shape *shape, int axis, bool flattened, int64_t i) {
    int64_t inner = 1, size = 1;
    for (int d = axis; d < shape->rank; d++)
        *(d == axis || flattened ? &size : &inner) *= shape->dims[d];
    return (struct column){i / (size * inner) * (size * inner) + i % inner, inner, size};
}

static double expected_value(char kind, const struct tensor *x, const struct column *column, int64_t i) {
    double largest = -(double)INFINITY, sum = 0;
    int64_t first = -1;
    for (int64_t k = 0; k < column->size; k++) {
        const double number = number_get(x, column->first + k * column->step);
        if (number > largest) {
            largest = number;
            first = column->first + k * column->step;
        }
    }
    for (int64_t k = 0; k < column->size; k++)
        sum += exp(number_get(x, column->first + k * column->step) - largest);
    const double own = number_get(x, i) - largest;
    return kind == 'H' ? i == first : kind == 'L' ? own - log(sum) : exp(own) / sum;
}

static void run_trial(const struct op *op, int opset, enum dtype dtype, const struct shape *shape, int axis, bool given,
                      struct random *random) {
    struct test_node node;
    struct tensor *x = test_tensor_shape(dtype, shape);
    number_fill(x, random, -15, 15);
    test_node_init(&node, op->name, 1, 1);
    if (given)
        test_node_int(&node, "axis", random_int(random, 0, 1) || axis == shape->rank ? axis : axis - shape->rank);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){x});
    assert_true(shape_equal(&y->shape, &x->shape) && y->dtype == dtype);
    for (int64_t i = 0; i<tensor_elements(x); i += tensor_elements(x)> 2000 ? 97 : 1) {
        const struct column column = column_of(shape, axis, opset < 13, i);
        test_number(y, i, expected_value(op->name[0], x, &column, i), dtype == DTYPE_DOUBLE ? 100 : 8,
                    40 * number_epsilon(dtype), op->name);
    }
    test_tensor_free(x);
    test_tensor_free(y);
}

static void check_record(const struct op *op, int opset, enum dtype dtype, void *context) {
    struct random random = random_from(test_seed() + dtype);
    static const struct shape large[] = {{2, {70, 301}}, {3, {3, 41, 170}}, {1, {20001}}};
    (void)context;
    for (int trial = 0; trial < 15; trial++) {
        const struct shape shape = number_shape(&random, 5, 5);
        const int rank = shape.rank;
        if (rank == 0)
            continue;
        const int axis = (int)random_int(&random, 0, opset < 13 ? rank : rank - 1);
        run_trial(op, opset, dtype, &shape, axis, true, &random);
        run_trial(op, opset, dtype, &shape, opset < 13 ? 1 : rank - 1, false, &random);
    }
    for (size_t i = 0; i < COUNT(large); i++)
        for (int axis = 0; axis < large[i].rank; axis++)
            run_trial(op, opset, dtype, &large[i], axis, true, &random);
    for (int count = 1; count <= 50 && dtype == DTYPE_FLOAT && op->name[0] != 'H';
         count++) { /* as many as vectors leave over, and more */
        const struct shape shape = {2, {random_int(&random, 2, 12), count}};
        run_trial(op, opset, dtype, &shape, 0, true, &random);
        run_trial(op, opset, dtype, &shape, 1, true, &random);
    }
}

static void test_values(void **state) {
    (void)state;
    for_each_record("Softmax", check_record, NULL);
    for_each_record("LogSoftmax", check_record, NULL);
    for_each_record("Hardmax", check_record, NULL);
}

/* Numbers whose exponentials pass every range, and what no sum can mend. */
static void test_special_values(void **state) {
    static const float numbers[][3] = {{1000, 1000, -1000}, {-INFINITY, 0, -INFINITY}, {NAN, 1, 2}, {INFINITY, 1, 2}};
    static const double softmax[][3] = {{0.5, 0.5, 0}, {0, 1, 0}, {NAN, NAN, NAN}, {NAN, NAN, NAN}};
    (void)state;
    for (size_t i = 0; i < COUNT(numbers); i++)
        for (int columns = 0; columns < 2; columns++) {
            struct test_node node;
            struct tensor *x = columns ? test_tensor(DTYPE_FLOAT, 2, 3, 2) : test_tensor(DTYPE_FLOAT, 2, 1, 3);
            for (int k = 0; k < 3 * (1 + columns); k++)
                ((float *)x->data)[k] = numbers[i][k / (1 + columns)];
            test_node_init(&node, "Softmax", 1, 1);
            test_node_int(&node, "axis", columns ? 0 : 1);
            struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){x});
            for (int k = 0; k < 3 * (1 + columns); k++)
                test_number(y, k, softmax[i][k / (1 + columns)], 1, 1e-30, "Softmax");
            test_tensor_free(x);
            test_tensor_free(y);
        }
}

static void test_errors(void **state) {
    struct test_node node;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3), *scalar = test_tensor(DTYPE_FLOAT, 0);
    (void)state;
    test_node_init(&node, "Softmax", 1, 1);
    struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){scalar});
    test_number(y, 0, 1, 0, 0, "Softmax");
    test_node_int(&node, "axis", 2);
    test_run_fails(&node, 13, (const struct tensor *[]){x}, STATUS_INVALID_MODEL, "axis is 2, expected -2..1");
    test_tensor_free(x);
    test_tensor_free(scalar);
    test_tensor_free(y);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
