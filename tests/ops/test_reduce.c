/* The Reduce operators and softmaxes against plain double-precision sums, on every element type of their definitions.
 */
#include "ops/registry.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(ARRAY) (sizeof(ARRAY) / sizeof((ARRAY)[0]))

/* One output from the n numbers that go into it. */
struct reduce_case {
    const char *name;
    double (*reference)(const double *x, int64_t n);
    double low, high;
};

static double ref_sum(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i];
    return sum;
}
static double ref_mean(const double *x, int64_t n) {
    return ref_sum(x, n) / (double)n;
}
static double ref_prod(const double *x, int64_t n) {
    double product = 1;
    for (int64_t i = 0; i < n; i++)
        product *= x[i];
    return product;
}
static double ref_max(const double *x, int64_t n) {
    double largest = -(double)INFINITY;
    for (int64_t i = 0; i < n; i++)
        largest = x[i] > largest ? x[i] : largest;
    return largest;
}
static double ref_min(const double *x, int64_t n) {
    double smallest = (double)INFINITY;
    for (int64_t i = 0; i < n; i++)
        smallest = x[i] < smallest ? x[i] : smallest;
    return smallest;
}
static double ref_l1(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += fabs(x[i]);
    return sum;
}
static double ref_sum_square(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sum;
}
static double ref_l2(const double *x, int64_t n) {
    return sqrt(ref_sum_square(x, n));
}
static double ref_log_sum(const double *x, int64_t n) {
    return log(ref_sum(x, n));
}
static double ref_log_sum_exp(const double *x, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(x[i]);
    return log(sum);
}

static const struct reduce_case cases[] = {
    {"ReduceSum", ref_sum, -10, 10},      {"ReduceMean", ref_mean, -10, 10},
    {"ReduceProd", ref_prod, 1, 1.5},     {"ReduceMax", ref_max, -10, 10},
    {"ReduceMin", ref_min, -10, 10},      {"ReduceL1", ref_l1, -10, 10},
    {"ReduceL2", ref_l2, -10, 10},        {"ReduceSumSquare", ref_sum_square, -4, 4},
    {"ReduceLogSum", ref_log_sum, 1, 10}, {"ReduceLogSumExp", ref_log_sum_exp, -10, 10},
};

/* What a reduction over nothing gives; false where the specification leaves it open. */
static bool empty_value(const char *name, enum dtype dtype, double *value) {
    struct tensor *cell = test_tensor(dtype, 0);
    const bool integer = number_is_integer(dtype);
    *value = 0;
    if (strcmp(name, "ReduceProd") == 0)
        *value = 1;
    else if (strncmp(name, "ReduceLog", 9) == 0)
        *value = -(double)INFINITY;
    else if (strcmp(name, "ReduceMax") == 0 || strcmp(name, "ReduceMin") == 0) {
        const bool smallest = name[7] == 'a'; /* mAx */
        const bool signed_number = number_is_signed(dtype);
        /* Little-endian: the highest byte has the sign. */
        memset(cell->data, smallest == signed_number ? 0 : 0xff, cell->bytes);
        if (signed_number)
            ((uint8_t *)cell->data)[cell->bytes - 1] = smallest ? 0x80 : 0x7f;
        else
            memset(cell->data, smallest ? 0 : dtype == DTYPE_BOOL ? 1 : 0xff, cell->bytes);
        if (signed_number && !smallest)
            memset(cell->data, 0xff, cell->bytes - 1);
        *value = integer ? number_get(cell, 0) : smallest ? -(double)INFINITY : (double)INFINITY;
    }
    test_tensor_free(cell);
    if (strcmp(name, "ReduceMean") == 0)
        *value = integer ? 0 : (double)NAN;
    return !(integer && strncmp(name, "ReduceLog", 9) == 0);
}

/* How a trial reduces. */
struct reduction {
    bool reduced[MAX_RANK];
    int64_t axes[MAX_RANK];
    int axis_count;
    bool keep;
};

static struct reduction random_reduction(struct random *random, int rank) {
    struct reduction reduction = {.keep = random_int(random, 0, 1)};
    for (int d = rank - 1; d >= 0; d--) {
        reduction.reduced[d] = random_int(random, 0, 1);
        if (reduction.reduced[d]) /* negative ones and no particular order */
            reduction.axes[reduction.axis_count++] = random_int(random, 0, 1) ? d : d - rank;
    }
    for (int d = 0; d < rank && reduction.axis_count == 0; d++)
        reduction.reduced[d] = true;
    return reduction;
}

static struct shape reduced_shape(const struct shape *shape, const struct reduction *reduction, bool keep) {
    struct shape out = {.rank = 0};
    for (int d = 0; d < shape->rank; d++)
        if (!reduction->reduced[d] || keep)
            out.dims[out.rank++] = reduction->reduced[d] ? 1 : shape->dims[d];
    return out;
}

/* The numbers of x that go into the output element that stands at `out` when all dimensions are kept. */
static int64_t collect(const struct tensor *x, const struct shape *kept, int64_t out, double *numbers) {
    int64_t count = 0;
    for (int64_t i = 0; i < tensor_elements(x); i++)
        if (broadcast_index(kept, &x->shape, i) == out)
            numbers[count++] = number_get(x, i);
    return count;
}

static void check_values(const struct reduce_case *test, const struct tensor *x, const struct reduction *reduction,
                         const struct tensor *y) {
    const struct shape expected = reduced_shape(&x->shape, reduction, reduction->keep);
    const struct shape kept = reduced_shape(&x->shape, reduction, true);
    double *numbers = malloc(((size_t)tensor_elements(x) + 1) * sizeof *numbers);
    assert_true(shape_equal(&y->shape, &expected));
    assert_int_equal(y->dtype, x->dtype);
    const int64_t step = tensor_elements(x) > 4000 ? 1 + tensor_elements(y) / 7 : 1;
    for (int64_t i = 0; i < tensor_elements(y); i += step) {
        const int64_t count = collect(x, &kept, i, numbers);
        double value;
        bool known = true;
        if (count)
            value = test->reference(numbers, count);
        else
            known = empty_value(test->name, x->dtype, &value);
        double off = number_is_integer(x->dtype) || isinf(value) ? 0 : 40 * number_epsilon(DTYPE_DOUBLE) * 1000;
        if (off > 0 && x->dtype != DTYPE_DOUBLE && test->reference == ref_log_sum_exp)
            off = 1.2e-7; /* powers of e in single precision, over a sum of 1 or more */
        if (known)
            test_number(y, i, number_is_integer(x->dtype) ? trunc(value) : value, 2, off, test->name);
    }
    free(numbers);
}

static void run_trial(const struct reduce_case *test, const struct op *op, int opset, enum dtype dtype,
                      const struct shape *shape, const struct reduction *reduction, struct random *random) {
    const bool by_input = op->inputs[1].name != NULL;
    struct test_node node;
    struct tensor *x = test_tensor_shape(dtype, shape);
    struct tensor *axes = by_input && reduction->axis_count ? test_ints(reduction->axis_count, reduction->axes) : NULL;
    const bool small = strcmp(test->name, "ReduceProd") == 0 && shape_elements(shape) > 30;
    number_fill(x, random, test->low, small ? test->low : test->high);
    test_node_init(&node, test->name, axes ? 2 : 1, 1);
    test_node_int(&node, "keepdims", reduction->keep);
    if (!by_input && reduction->axis_count)
        test_node_ints(&node, "axes", reduction->axes, (size_t)reduction->axis_count);
    struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *[]){x, axes});
    check_values(test, x, reduction, y);
    test_tensor_free(x);
    test_tensor_free(axes);
    test_tensor_free(y);
}

/* Rows, and columns, of so many floats as vectors leave over, and some vectors. */
static void check_counts(const struct reduce_case *test, const struct op *op, int opset, struct random *random) {
    static const struct reduction rows = {{false, true}, {1}, 1, true}, columns = {{true, false}, {0}, 1, true};
    for (int count = 1; count <= 70; count++) {
        if (test_cases(100) < random_int(random, 1, 100))
            continue;
        const struct shape shape = {2, {random_int(random, 2, 5), count}};
        run_trial(test, op, opset, DTYPE_FLOAT, &shape, &rows, random);
        run_trial(test, op, opset, DTYPE_FLOAT, &shape, &columns, random);
    }
}

static void check_record(const struct op *op, int opset, enum dtype dtype, void *context) {
    struct random random = random_from(test_seed() + dtype);
    /* Runs longer than a chunk, columns wider than a group of accumulators, more outputs than one block. */
    static const struct {
        struct shape shape;
        struct reduction reduction;
    } large[] = {{{2, {3, 5003}}, {{false, true}, {1}, 1, true}},
                 {{2, {37, 301}}, {{true, false}, {0}, 1, false}},
                 {{4, {5, 3, 7, 131}}, {{true, false, true, false}, {2, 0}, 2, true}},
                 {{3, {40, 9, 50}}, {{false, true, false}, {-2}, 1, false}}};
    for (int trial = 0; trial < 10; trial++) {
        const struct shape shape = number_shape(&random, 6, 4);
        const struct reduction reduction = random_reduction(&random, shape.rank);
        run_trial(context, op, opset, dtype, &shape, &reduction, &random);
    }
    for (size_t i = 0; i < COUNT(large); i++)
        run_trial(context, op, opset, dtype, &large[i].shape, &large[i].reduction, &random);
    if (dtype == DTYPE_FLOAT)
        check_counts(context, op, opset, &random);
}

static void test_values(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reduce_case test = cases[i];
        for_each_record(test.name, check_record, &test);
    }
}

/* Integers that pass their type's range: 2^63 wraps, and so does a sum of bytes kept as int32. */
static void test_wrapping(void **state) {
    static const int64_t numbers[] = {INT64_MAX, 1, INT64_MIN, -1};
    struct test_node node;
    struct tensor *x = test_ints(2, numbers);
    (void)state;
    test_node_init(&node, "ReduceSum", 1, 1);
    struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){x});
    assert_true(*(const int64_t *)y->data == INT64_MIN);
    test_tensor_free(y);
    test_tensor_free(x);
    x = test_ints(2, numbers + 2);
    y = test_run_all_ways(&node, 13, (const struct tensor *[]){x});
    assert_true(*(const int64_t *)y->data == INT64_MAX);
    test_tensor_free(y);
    *(int64_t *)x->data = -7;
    ((int64_t *)x->data)[1] = 0;
    test_node_init(&node, "ReduceMean", 1, 1);
    y = test_run_all_ways(&node, 13, (const struct tensor *[]){x});
    assert_true(*(const int64_t *)y->data == -3);
    test_tensor_free(y);
    test_tensor_free(x);
}

/* A float accumulator would stop growing at 2^24. */
/* A number of a row: now and then one at the end of its type. */
static double row_number(struct random *random, enum dtype dtype) {
    if (dtype == DTYPE_BOOL)
        return (double)random_int(random, 0, 1);
    if (!number_is_integer(dtype))
        return (double)random_int(random, -800, 800) / 64;
    const double most = dtype == DTYPE_INT64 ? 0x1p50 : ldexp(1, (int)dtype_bits(dtype) - number_is_signed(dtype)) - 1;
    const double least = number_is_signed(dtype) ? -most - (dtype != DTYPE_INT64) : 0;
    return random_int(random, 0, 9) == 0 ? (random_int(random, 0, 1) ? most : least)
                                         : floor(least + (most - least) * (double)random_int(random, 0, 999) / 1000);
}

/* Rows of `count` numbers; the larger or smaller of a NaN and others is NaN. */
static void check_rows(const struct reduce_case *test, enum dtype dtype, int count, struct random *random) {
    enum { rows = 133 };
    const bool extreme = strcmp(test->name, "ReduceMax") == 0 || strcmp(test->name, "ReduceMin") == 0;
    struct tensor *x = test_tensor(dtype, 2, rows, count);
    struct test_node node;
    double numbers[200];
    for (int64_t i = 0; i < tensor_elements(x); i++)
        number_set(x, i, extreme ? row_number(random, dtype) : (double)random_int(random, 16, 32) / 16);
    for (int row = 0; dtype == DTYPE_FLOAT && extreme && row < rows; row += 7) {
        const int64_t at = row * count + random_int(random, 0, count - 1);
        ((float *)x->data)[at] = row % 2 ? NAN : row % 3 ? INFINITY : -INFINITY;
    }
    test_node_init(&node, test->name, 2, 1);
    test_node_int(&node, "keepdims", 0);
    struct tensor *axes = test_ints(1, (const int64_t[]){1});
    struct tensor *y = test_run_all_ways(&node, 20, (const struct tensor *[]){x, axes});
    for (int row = 0; row < rows; row++) {
        bool unknown = false;
        for (int i = 0; i < count; i++) {
            numbers[i] = number_get(x, row * count + i);
            unknown |= isnan(numbers[i]);
        }
        test_number(y, row, unknown ? (double)NAN : test->reference(numbers, count), 2, 1e-6, test->name);
    }
    test_tensor_free(x);
    test_tensor_free(axes);
    test_tensor_free(y);
}

static void test_rows(void **state) {
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16, DTYPE_INT32, DTYPE_UINT32,
                                       DTYPE_INT64, DTYPE_INT8,   DTYPE_UINT8,   DTYPE_BOOL};
    struct random random = random_from(test_seed());
    (void)state;
    for (int count = 1; count < 200; count += count < 20 ? 1 : count / 6)
        for (size_t i = 0; i < COUNT(cases); i++) {
            const bool extreme = strcmp(cases[i].name, "ReduceMax") == 0 || strcmp(cases[i].name, "ReduceMin") == 0;
            const struct op *op = op_find("", cases[i].name, 20);
            for (size_t t = 0; t < COUNT(types); t++)
                if ((op->inputs[0].types & TYPE(types[t])) && (extreme || types[t] <= DTYPE_FLOAT))
                    check_rows(&cases[i], types[t], count, &random);
        }
}

static void test_accuracy(void **state) {
    struct test_node node;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 5000, 1), *wide = test_tensor(DTYPE_FLOAT, 2, 5000, 3);
    (void)state;
    for (int i = 0; i < 5000; i++)
        ((float *)x->data)[i] = i ? 1.0f : 16777216.0f;
    for (int i = 0; i < 15000; i++)
        ((float *)wide->data)[i] = i < 3 ? 16777216.0f : 1.0f;
    test_node_init(&node, "ReduceSum", 1, 1);
    struct tensor *y = test_run_all_ways(&node, 11, (const struct tensor *[]){x});
    test_number(y, 0, 16777216.0 + 4999, 1, 0, "ReduceSum");
    test_tensor_free(y);
    test_node_ints(&node, "axes", (const int64_t[]){0}, 1);
    y = test_run_all_ways(&node, 11, (const struct tensor *[]){wide});
    for (int i = 0; i < 3; i++)
        test_number(y, i, 16777216.0 + 4999, 1, 0, "ReduceSum");
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(wide);
}

static void test_special_values(void **state) {
    static const struct {
        const char *name;
        float x[3], y;
    } specials[] = {
        {"ReduceMax", {NAN, 1, 2}, NAN},
        {"ReduceMax", {1, 2, NAN}, NAN},
        {"ReduceMin", {1, NAN, 2}, NAN},
        {"ReduceMax", {-INFINITY, -INFINITY, -INFINITY}, -INFINITY},
        {"ReduceSum", {INFINITY, -INFINITY, 0}, NAN},
        {"ReduceL2", {1e30f, 0, 0}, 1e30f}, /* the squares pass float's range */
        {"ReduceLogSumExp", {1000, 1000, -1000}, 1000.69314718f},
        {"ReduceLogSumExp", {-INFINITY, 3, -INFINITY}, 3},
        {"ReduceLogSumExp", {-INFINITY, -INFINITY, -INFINITY}, -INFINITY},
        {"ReduceLogSumExp", {INFINITY, 1, INFINITY}, INFINITY},
        {"ReduceLogSumExp", {1, NAN, 2}, NAN},
        {"ReduceLogSum", {-3, 1, 1}, NAN},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(specials); i++)
        for (int columns = 0; columns < 2; columns++) {
            struct test_node node;
            struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 3, 1 + columns);
            for (int k = 0; k < 3 * (1 + columns); k++)
                ((float *)x->data)[k] = specials[i].x[k / (1 + columns)];
            test_node_init(&node, specials[i].name, 1, 1);
            test_node_ints(&node, "axes", (const int64_t[]){0}, 1);
            struct tensor *y = test_run_all_ways(&node, 11, (const struct tensor *[]){x});
            for (int k = 0; k <= columns; k++)
                test_number(y, k, (double)specials[i].y, 2, 0, specials[i].name);
            test_tensor_free(x);
            test_tensor_free(y);
        }
}

/* No axes and noop_with_empty_axes: nothing is reduced, but what else the operator does is done. */
static void test_noop(void **state) {
    static const float numbers[] = {1, -2, 3, 4};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 2), *none = test_ints(0, NULL);
    (void)state;
    memcpy(x->data, numbers, sizeof numbers);
    for (size_t i = 0; i < COUNT(cases); i++)
        for (int given = 0; given < 2; given++) {
            struct test_node node;
            test_node_init(&node, cases[i].name, 1 + given, 1);
            test_node_int(&node, "noop_with_empty_axes", 1);
            struct tensor *y = test_run_all_ways(&node, 18, (const struct tensor *[]){x, none});
            assert_true(shape_equal(&y->shape, &x->shape));
            for (int k = 0; k < 4; k++) {
                const double number = (double)numbers[k];
                test_number(y, k, cases[i].reference(&number, 1), 2, 1e-7, cases[i].name);
            }
            test_tensor_free(y);
        }
    test_tensor_free(x);
    test_tensor_free(none);
}

static void test_errors(void **state) {
    static const int64_t twice[] = {1, -1};
    struct test_node node;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3), *far = test_ints(1, (const int64_t[]){2});
    (void)state;
    test_node_init(&node, "ReduceMean", 2, 1);
    test_run_fails(&node, 18, (const struct tensor *[]){x, far}, STATUS_INVALID_MODEL, "axes[0] is 2, expected -2..1");
    test_node_init(&node, "ReduceMean", 1, 1);
    test_node_ints(&node, "axes", twice, 2);
    test_run_fails(&node, 13, (const struct tensor *[]){x}, STATUS_INVALID_MODEL,
                   "axes[1] names dimension 1 a second time");
    test_run_fails(&node, 18, (const struct tensor *[]){x}, STATUS_UNSUPPORTED, "axes"); /* no attribute any more */
    /* Axes that are not known yet. */
    struct tensor later = *far;
    later.data = NULL;
    test_node_init(&node, "ReduceSum", 2, 1);
    test_run_fails(&node, 13, (const struct tensor *[]){x, &later}, STATUS_NEEDS_VALUE, "input 1 (axes)");
    test_tensor_free(x);
    test_tensor_free(far);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),         cmocka_unit_test(test_wrapping), cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_special_values), cmocka_unit_test(test_noop),     cmocka_unit_test(test_errors),
        cmocka_unit_test(test_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
