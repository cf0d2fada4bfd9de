/* Operators that choose by value, against their definitions: ArgMax, ArgMin, TopK, CumSum, CumProd, NonZero, Compress,
   Unique. */
#include "tests/support/movement.h"
#include "tests/support/numbers.h"

#include "ops/evaluate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const enum dtype types[] = {DTYPE_FLOAT,  DTYPE_DOUBLE, DTYPE_INT8,   DTYPE_UINT8, DTYPE_INT16,
                                   DTYPE_UINT16, DTYPE_INT32,  DTYPE_UINT32, DTYPE_INT64, DTYPE_UINT64};
#define TYPES ((int)(sizeof types / sizeof types[0]))

/* All outputs of the node on 1 and 3 threads, which must agree. Free with drop(). */
static void run(const struct test_node *node, int opset, const struct tensor *const *inputs, struct tensor *outputs) {
    struct tensor again[4], *first[4], *second[4];
    struct error err;
    for (int i = 0; i < 4; i++) {
        first[i] = &outputs[i];
        second[i] = &again[i];
    }
    if (op_evaluate(&node->node, opset, inputs, first, test_kernels(), 1, SIZE_MAX, &err) != STATUS_OK ||
        op_evaluate(&node->node, opset, inputs, second, test_kernels(), 3, SIZE_MAX, &err) != STATUS_OK)
        fail_msg("%s: %s", node->node.op_type, err.message);
    for (int i = 0; i < node->node.output_count; i++) {
        assert_true(shape_equal(&outputs[i].shape, &again[i].shape));
        assert_memory_equal(outputs[i].data, again[i].data, again[i].bytes);
        free(again[i].data);
    }
}

static void drop(struct tensor *outputs, int count) {
    for (int i = 0; i < count; i++)
        free(outputs[i].data);
}

/* Few different numbers, so that many are equal; now and then a NaN. */
static struct tensor *few_numbers(struct random *random, enum dtype dtype, const struct shape *shape, bool nan) {
    struct tensor *tensor = test_tensor_shape(dtype, shape);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)random_int(random, number_is_signed(dtype) ? -3 : 0, 4));
    for (int64_t i = 0; nan && !number_is_integer(dtype) && i < tensor_elements(tensor); i += random_int(random, 1, 9))
        number_set(tensor, i, random_int(random, 0, 1) ? NAN : -0.0);
    return tensor;
}

/* NaN is above all. */
static int compare(double a, double b) {
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

/* Flat index of element s of line n along the axis. */
static int64_t element_of(const struct shape *shape, int axis, int64_t n, int64_t s) {
    struct shape rest = *shape;
    int64_t index[MAX_RANK] = {0};
    rest.dims[axis] = 1;
    unravel(&rest, n, index);
    index[axis] = s;
    return ravel(shape, index);
}

static struct shape shape_for(struct random *random, int round) {
    return round % 4 == 2 ? shape_of(2, (int)random_int(random, 1, 4), 1 + round / 4 % 70) /* every tail of vectors */
           : round % 40 == 39 ? shape_of(3, 5, 300, 70)
           : round % 40 == 38 ? shape_of(2, 40, 450)
                              : random_shape(random, 1, 4);
}

static void arg_extremes(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(400); round++) {
        struct shape shape = shape_for(&random, round);
        const int axis = (int)random_int(&random, 0, shape.rank - 1), sign = round % 2 ? 1 : -1;
        const bool last = round % 3 == 0;
        shape.dims[axis] += shape.dims[axis] == 0;
        struct tensor *x = few_numbers(&random, types[round % TYPES], &shape, round % 3 == 0), y[4];
        struct test_node node;
        test_node_init(&node, sign > 0 ? "ArgMax" : "ArgMin", 1, 1);
        test_node_int(&node, "axis", round % 5 ? axis : axis - shape.rank);
        test_node_int(&node, "keepdims", round % 7 == 0);
        if (last)
            test_node_int(&node, "select_last_index", 1);
        run(&node, last ? 12 : 1, (const struct tensor *const[]){x}, y);
        assert_int_equal(y[0].shape.rank, shape.rank - (round % 7 != 0));
        for (int64_t n = 0; n < tensor_elements(&y[0]); n++) {
            int64_t best = 0;
            for (int64_t s = 1; s < shape.dims[axis]; s++) {
                const double a = number_get(x, element_of(&shape, axis, n, s)),
                             b = number_get(x, element_of(&shape, axis, n, best));
                const int better = isnan(a) || isnan(b) ? isnan(a) - isnan(b) : sign * compare(a, b);
                best = better > 0 || (better == 0 && last) ? s : best;
            }
            if (((int64_t *)y[0].data)[n] != best)
                fail_msg("%s of %s: %lld, expected %lld (seed %llu)", node.node.op_type, dtype_name(x->dtype),
                         (long long)((int64_t *)y[0].data)[n], (long long)best, (unsigned long long)test_seed());
        }
        drop(y, 1);
        test_tensor_free(x);
    }
}

/* The extreme at the last place, and at others, of every number of floats that vectors leave over. */
static void arg_extremes_at_every_place(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < test_cases(280); round++) {
        const int count = 1 + round % 70, place = round / 70 ? (int)random_int(&random, 0, count - 1) : count - 1;
        struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, count), y[4];
        struct test_node node;
        test_fill(x, &random);
        ((float *)x->data)[place] = round % 2 ? 2 : -2;
        test_node_init(&node, round % 2 ? "ArgMax" : "ArgMin", 1, 1);
        test_node_int(&node, "axis", 1);
        run(&node, 13, (const struct tensor *const[]){x}, y);
        assert_int_equal(((int64_t *)y[0].data)[0], place);
        drop(y, 1);
        test_tensor_free(x);
    }
}

/* Line n sorted by insertion: the definition of what is stable. */
static void sort_line(const struct tensor *x, int axis, int64_t n, bool largest, int64_t *order) {
    for (int64_t s = 0; s < x->shape.dims[axis]; s++) {
        const double value = number_get(x, element_of(&x->shape, axis, n, s));
        int64_t at = s;
        for (; at > 0; at--) {
            const int c = compare(value, number_get(x, element_of(&x->shape, axis, n, order[at - 1])));
            if (largest ? c <= 0 : c >= 0)
                break;
            order[at] = order[at - 1];
        }
        order[at] = s;
    }
}

static void topk(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < test_cases(300); round++) {
        const struct shape shape = shape_for(&random, round);
        const int axis = (int)random_int(&random, 0, shape.rank - 1), opset = round % 4 == 0   ? 1
                                                                              : round % 4 == 1 ? 10
                                                                                               : 11;
        const bool largest = opset < 11 || round % 3;
        const int64_t k = random_int(&random, 0, shape.dims[axis]);
        struct tensor *x = few_numbers(&random, types[round % (opset < 11 ? 2 : TYPES)], &shape, round % 3 == 0);
        struct tensor *list = test_ints(1, &k), y[4];
        int64_t *order = calloc((size_t)shape.dims[axis] + 1, sizeof *order);
        struct test_node node;
        test_node_init(&node, "TopK", opset == 1 ? 1 : 2, 2);
        test_node_int(&node, "axis", axis - (round % 5 ? 0 : shape.rank));
        if (opset == 1)
            test_node_int(&node, "k", k);
        if (opset == 11) {
            test_node_int(&node, "largest", largest);
            test_node_int(&node, "sorted", round % 2);
        }
        run(&node, opset, (const struct tensor *const[]){x, list}, y);
        for (int64_t n = 0; k && n < tensor_elements(&y[0]) / k; n++) {
            sort_line(x, axis, n, largest, order);
            for (int64_t i = 0; i < k; i++) {
                const int64_t at = element_of(&y[0].shape, axis, n, i);
                assert_int_equal(((int64_t *)y[1].data)[at], order[i]);
                assert_int_equal(compare(number_get(&y[0], at), number_get(x, element_of(&shape, axis, n, order[i]))),
                                 0);
            }
        }
        free(order);
        drop(y, 2);
        test_tensor_free(x);
        test_tensor_free(list);
    }
    struct tensor *x = test_tensor(DTYPE_FLOAT, 1, 3), *k = test_ints(1, (const int64_t[]){4});
    struct test_node node;
    test_node_init(&node, "TopK", 2, 1);
    test_run_fails(&node, 11, (const struct tensor *const[]){x, k}, STATUS_INVALID_ARGUMENT,
                   "k is 4, expected 0..3, axis 0 of [3]");
    test_tensor_free(x);
    test_tensor_free(k);
}

static void cumulative(void **state) {
    (void)state;
    static const enum dtype wide[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_INT32, DTYPE_INT64, DTYPE_UINT32, DTYPE_UINT64};
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < test_cases(300); round++) {
        const struct shape shape = shape_for(&random, round);
        const int axis = (int)random_int(&random, 0, shape.rank - 1);
        const bool exclusive = round % 2, reverse = round / 2 % 2, multiply = round / 4 % 2;
        const int64_t where = round % 5 ? axis : axis - shape.rank, size = shape.dims[axis];
        struct tensor *x = few_numbers(&random, wide[round % 6], &shape, false), *list = test_ints(1, &where);
        for (int64_t i = 0; multiply && i < tensor_elements(x); i++)
            number_set(x, i, i % 3 ? 1 : 2 - (double)(i % 2));
        if (multiply && size > 20) /* too large for the types */
            memset(x->data, 0, x->bytes);
        struct test_node node;
        test_node_init(&node, multiply ? "CumProd" : "CumSum", 2, 1);
        test_node_int(&node, "exclusive", exclusive);
        test_node_int(&node, "reverse", reverse);
        struct tensor *y = test_run_all_ways(&node, multiply ? 26 : 11, (const struct tensor *const[]){x, list});
        for (int64_t n = 0; size && n < tensor_elements(x) / size; n++) {
            double sum = multiply;
            for (int64_t i = 0; i < size; i++) {
                const int64_t at = element_of(&shape, axis, n, reverse ? size - 1 - i : i);
                const double value = number_get(x, at), with = multiply ? sum * value : sum + value;
                if (number_get(y, at) != (exclusive ? sum : with))
                    fail_msg("%s of %s: %g, expected %g (seed %llu)", node.node.op_type, dtype_name(x->dtype),
                             number_get(y, at), exclusive ? sum : with, (unsigned long long)test_seed());
                sum = with;
            }
        }
        test_tensor_free(x);
        test_tensor_free(y);
        test_tensor_free(list);
    }
}

static void nonzero(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    for (int round = 0; round < test_cases(200); round++) {
        const struct shape shape = round % 10 ? random_shape(&random, 0, 4) : shape_of(3, 30, 40, 50);
        struct tensor *x = few_numbers(&random, types[round % TYPES], &shape, true), y[4];
        struct test_node node;
        int64_t found = 0, index[MAX_RANK] = {0};
        test_node_init(&node, "NonZero", 1, 1);
        run(&node, 9 + round % 10, (const struct tensor *const[]){x}, y);
        const int64_t count = y[0].shape.dims[1];
        assert_int_equal(y[0].shape.dims[0], shape.rank ? shape.rank : 1);
        for (int64_t i = 0; i < tensor_elements(x); i++) {
            if (number_get(x, i) == 0)
                continue;
            unravel(&shape, i, index);
            assert_true(found < count);
            for (int d = 0; d < y[0].shape.dims[0]; d++)
                assert_int_equal(((int64_t *)y[0].data)[d * count + found], index[d]);
            found++;
        }
        assert_int_equal(found, count);
        drop(y, 1);
        test_tensor_free(x);
    }
}

static void compress(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    for (int round = 0; round < test_cases(200); round++) {
        const struct shape shape = shape_for(&random, round);
        const int axis = (int)random_int(&random, 0, shape.rank - 1);
        const bool flat = round % 3 == 0;
        const int64_t size = flat ? shape_elements(&shape) : shape.dims[axis];
        struct tensor *x = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &shape), y[4];
        struct tensor *condition = test_tensor(DTYPE_BOOL, 1, (int)random_int(&random, size / 2, size));
        test_fill(condition, &random);
        struct test_node node;
        test_node_init(&node, "Compress", 2, 1);
        if (!flat)
            test_node_int(&node, "axis", round % 2 ? axis : axis - shape.rank);
        run(&node, 9 + round % 3, (const struct tensor *const[]){x, condition}, y);
        int64_t taken = 0;
        const size_t element = dtype_size(x->dtype);
        for (int64_t i = 0; i < condition->shape.dims[0]; i++) {
            if (!((uint8_t *)condition->data)[i])
                continue;
            for (int64_t n = 0; n < (flat ? 1 : tensor_elements(x) / size); n++)
                assert_memory_equal(
                    (char *)y[0].data +
                        (flat ? (size_t)taken : (size_t)element_of(&y[0].shape, axis, n, taken)) * element,
                    (char *)x->data + (flat ? (size_t)i : (size_t)element_of(&shape, axis, n, i)) * element, element);
            taken++;
        }
        assert_int_equal(y[0].shape.dims[flat ? 0 : axis], taken);
        drop(y, 1);
        test_tensor_free(x);
        test_tensor_free(condition);
    }
}

/* Items of a tensor are alike where all their elements are. */
static int compare_items(const struct tensor *x, bool flat, int axis, int64_t a, int64_t b) {
    const int64_t size = flat ? tensor_elements(x) : x->shape.dims[axis];
    for (int64_t n = 0; n < (flat ? 1 : tensor_elements(x) / size); n++) {
        const int c = compare(number_get(x, flat ? a : element_of(&x->shape, axis, n, a)),
                              number_get(x, flat ? b : element_of(&x->shape, axis, n, b)));
        if (c)
            return c;
    }
    return 0;
}

static void unique(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 5);
    for (int round = 0; round < test_cases(200); round++) {
        const struct shape shape = random_shape(&random, 1, 3);
        const int axis = (int)random_int(&random, 0, shape.rank - 1);
        const bool flat = round % 3 == 0, sorted = round % 2;
        const int64_t size = flat ? shape_elements(&shape) : shape.dims[axis];
        if (size > 600)
            continue;
        struct tensor *x = few_numbers(&random, types[round % TYPES], &shape, round % 3 == 0), y[4];
        struct test_node node;
        test_node_init(&node, "Unique", 1, 4);
        test_node_int(&node, "sorted", sorted);
        if (!flat)
            test_node_int(&node, "axis", round % 5 ? axis : axis - shape.rank);
        run(&node, 11, (const struct tensor *const[]){x}, y);
        const int64_t *first = y[1].data, *inverse = y[2].data, *counts = y[3].data, groups = y[3].shape.dims[0];
        assert_int_equal(y[0].shape.dims[flat ? 0 : axis], groups);
        assert_int_equal(y[2].shape.dims[0], size);
        for (int64_t i = 0; i < size; i++) {
            assert_in_range(inverse[i], 0, groups - 1);
            assert_true(first[inverse[i]] <= i);
            assert_int_equal(compare_items(x, flat, axis, i, first[inverse[i]]), 0);
        }
        for (int64_t g = 0; g < groups; g++) {
            int64_t count = 0;
            for (int64_t i = 0; i < size; i++)
                count += inverse[i] == g;
            assert_int_equal(count, counts[g]);
            if (g > 0)
                assert_true(sorted ? compare_items(x, flat, axis, first[g - 1], first[g]) < 0
                                   : first[g - 1] < first[g]);
            for (int64_t n = 0; n < (flat ? 1 : tensor_elements(x) / size); n++)
                assert_int_equal(compare(number_get(&y[0], flat ? g : element_of(&y[0].shape, axis, n, g)),
                                         number_get(x, flat ? first[g] : element_of(&shape, axis, n, first[g]))),
                                 0);
        }
        drop(y, 4);
        test_tensor_free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(arg_extremes), cmocka_unit_test(arg_extremes_at_every_place),
                                       cmocka_unit_test(topk),         cmocka_unit_test(cumulative),
                                       cmocka_unit_test(nonzero),      cmocka_unit_test(compress),
                                       cmocka_unit_test(unique)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
