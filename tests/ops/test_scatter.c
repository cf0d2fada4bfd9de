/* ScatterElements, ScatterND, TensorScatter against their definitions, one update at a time, in double precision. */
#include "tests/support/movement.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16, DTYPE_BFLOAT16, DTYPE_INT8,   DTYPE_UINT8,
                                   DTYPE_INT16, DTYPE_UINT16, DTYPE_INT32,   DTYPE_UINT32,   DTYPE_UINT64, DTYPE_INT64};
#define TYPES ((int)(sizeof types / sizeof types[0]))
static const char *const reductions[] = {"none", "add", "mul", "max", "min"};

/* The elements of a tensor as doubles. */
static double *numbers_of(const struct tensor *tensor) {
    double *numbers = calloc((size_t)tensor_elements(tensor) + 1, sizeof *numbers);
    assert_non_null(numbers);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        numbers[i] = number_get(tensor, i);
    return numbers;
}

/* Small enough that all sums and products are exact in every type. */
static void meet(double *x, double y, int reduction) {
    const double values[] = {y, *x + y, *x * y, y > *x ? y : *x, y < *x ? y : *x};
    *x = values[reduction];
}

static void fill_small(struct tensor *tensor, struct random *random) {
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)random_int(random, 0, 2));
}

static void check(const struct test_node *node, int opset, const struct tensor *const *inputs, const double *expected) {
    struct tensor *output = test_run_all_ways(node, opset, inputs);
    assert_true(shape_equal(&output->shape, &inputs[0]->shape));
    for (int64_t i = 0; i < tensor_elements(output); i++)
        if (number_get(output, i) != expected[i])
            fail_msg("%s of %s: element %lld is %g, expected %g (seed %llu)", node->node.op_type,
                     dtype_name(output->dtype), (long long)i, number_get(output, i), expected[i],
                     (unsigned long long)test_seed());
    test_tensor_free(output);
}

static void scatter_elements(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(400); round++) {
        const struct shape shape = round % 50 ? random_shape(&random, 1, 4) : shape_of(3, 70, 40, 30);
        const int axis = (int)random_int(&random, 0, shape.rank - 1), reduction = round % 5;
        struct shape part = shape;
        for (int d = 0; d < shape.rank; d++)
            part.dims[d] = d == axis ? random_int(&random, 0, shape.dims[d] ? 9 : 0)
                                     : random_int(&random, shape.dims[d] > 1, shape.dims[d]);
        struct tensor *data = test_tensor_shape(types[round % TYPES], &shape);
        struct tensor *updates = test_tensor_shape(data->dtype, &part);
        struct tensor *list = test_tensor_shape(round % 3 ? DTYPE_INT64 : DTYPE_INT32, &part);
        fill_small(data, &random);
        fill_small(updates, &random);
        double *expected = numbers_of(data);
        for (int64_t i = 0; i < tensor_elements(list); i++) {
            int64_t index[MAX_RANK];
            const int64_t size = shape.dims[axis], at = random_int(&random, -size, size - 1);
            number_set(list, i, (double)at);
            unravel(&part, i, index);
            index[axis] = at < 0 ? at + size : at;
            meet(&expected[ravel(&shape, index)], number_get(updates, i), reduction);
        }
        struct test_node node;
        test_node_init(&node, "ScatterElements", 3, 1);
        test_node_int(&node, "axis", round % 2 ? axis : axis - shape.rank);
        test_node_text(&node, "reduction", reductions[reduction]);
        check(&node, reduction % 2 ? 16 : 18, (const struct tensor *const[]){data, list, updates}, expected);
        free(expected);
        test_tensor_free(data);
        test_tensor_free(updates);
        test_tensor_free(list);
    }
}

static void scatter_nd(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < test_cases(400); round++) {
        const bool large = round % 50 == 0;
        const struct shape shape = large ? shape_of(3, 40, 50, 40) : random_shape(&random, 1, 4);
        const int tuple = (int)random_int(&random, 1, shape.rank), reduction = round % 5;
        struct shape places = large ? shape_of(2, 30, tuple == 3 ? 2000 : 5) : random_shape(&random, 0, 2), part;
        for (int d = 0; d < tuple; d++)
            if (shape.dims[d] == 0)
                places = shape_of(1, 0);
        part = places;
        for (int d = tuple; d < shape.rank; d++)
            part.dims[part.rank++] = shape.dims[d];
        struct shape tuples = places;
        tuples.dims[tuples.rank++] = tuple;
        struct tensor *data = test_tensor_shape(types[round % TYPES], &shape);
        struct tensor *updates = test_tensor_shape(data->dtype, &part), *list = test_tensor_shape(DTYPE_INT64, &tuples);
        fill_small(data, &random);
        fill_small(updates, &random);
        double *expected = numbers_of(data);
        const int64_t count = shape_elements(&places), block = count ? tensor_elements(updates) / count : 0;
        for (int64_t n = 0; n < count; n++) {
            int64_t place = 0;
            for (int d = 0; d < tuple; d++) {
                const int64_t at = random_int(&random, -shape.dims[d], shape.dims[d] - 1);
                ((int64_t *)list->data)[n * tuple + d] = at;
                place = place * shape.dims[d] + (at < 0 ? at + shape.dims[d] : at);
            }
            for (int64_t i = 0; i < block; i++)
                meet(&expected[place * block + i], number_get(updates, n * block + i), reduction);
        }
        struct test_node node;
        test_node_init(&node, "ScatterND", 3, 1);
        test_node_text(&node, "reduction", reductions[reduction]);
        if (!large || data->dtype == DTYPE_FLOAT || reduction == 0 || reduction > 2)
            check(&node, reduction % 2 ? 16 : 18, (const struct tensor *const[]){data, list, updates}, expected);
        free(expected);
        test_tensor_free(data);
        test_tensor_free(updates);
        test_tensor_free(list);
    }
}

static void bools_and_nan(void **state) {
    (void)state;
    static const int64_t places[] = {0, 1, 1, 0};
    struct tensor *list = test_ints(4, places), *data = test_tensor(DTYPE_BOOL, 1, 2),
                  *more = test_tensor(DTYPE_BOOL, 1, 4);
    memcpy(data->data, "\0\1", 2);
    memcpy(more->data, "\1\1\0\0", 4);
    for (int reduction = 1; reduction < 5; reduction++) {
        struct test_node node;
        test_node_init(&node, "ScatterElements", 3, 1);
        test_node_text(&node, "reduction", reductions[reduction]);
        const bool any = reduction == 1 || reduction == 3;
        check(&node, 18, (const struct tensor *const[]){data, list, more}, any ? (double[]){1, 1} : (double[]){0, 0});
    }
    test_tensor_free(data);
    test_tensor_free(more);
    data = test_tensor(DTYPE_FLOAT, 1, 2);
    more = test_tensor(DTYPE_FLOAT, 1, 4);
    ((float *)data->data)[1] = NAN;
    ((float *)more->data)[0] = NAN;
    for (int reduction = 3; reduction < 5; reduction++) {
        struct test_node node;
        test_node_init(&node, "ScatterElements", 3, 1);
        test_node_text(&node, "reduction", reductions[reduction]);
        struct tensor *output = test_run_all_ways(&node, 18, (const struct tensor *const[]){data, list, more});
        assert_true(isnan(((float *)output->data)[0]) && isnan(((float *)output->data)[1]));
        test_tensor_free(output);
    }
    test_tensor_free(data);
    test_tensor_free(more);
    test_tensor_free(list);
}

static void tensor_scatter(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < test_cases(200); round++) {
        const int axis = round % 3 ? 2 : 1, circular = round % 2;
        const struct shape shape = shape_of(4, (int)random_int(&random, 1, 3), (int)random_int(&random, 1, 5),
                                            (int)random_int(&random, 1, 5), (int)random_int(&random, 0, 4));
        struct shape part = shape;
        part.dims[axis] = random_int(&random, 0, shape.dims[axis]);
        struct tensor *data = test_tensor_shape(types[round % TYPES], &shape);
        struct tensor *update = test_tensor_shape(data->dtype, &part);
        struct tensor *starts = test_tensor(DTYPE_INT64, 1, (int)shape.dims[0]);
        fill_small(data, &random);
        fill_small(update, &random);
        double *expected = numbers_of(data);
        for (int64_t i = 0; i < shape.dims[0]; i++)
            ((int64_t *)starts->data)[i] = random_int(&random, 0, circular ? 20 : shape.dims[axis] - part.dims[axis]);
        for (int64_t i = 0; i < tensor_elements(update); i++) {
            int64_t index[MAX_RANK];
            unravel(&part, i, index);
            index[axis] = (index[axis] + ((int64_t *)starts->data)[index[0]]) % shape.dims[axis];
            expected[ravel(&shape, index)] = number_get(update, i);
        }
        struct test_node node;
        test_node_init(&node, "TensorScatter", 3, 1);
        test_node_int(&node, "axis", axis - (round % 4 ? 4 : 0));
        test_node_text(&node, "mode", circular ? "circular" : "linear");
        check(&node, 24, (const struct tensor *const[]){data, update, starts}, expected);
        free(expected);
        test_tensor_free(data);
        test_tensor_free(update);
        test_tensor_free(starts);
    }
}

static void refusals(void **state) {
    (void)state;
    static const int64_t places[] = {0, 3, -4, 0};
    struct tensor *data = test_tensor(DTYPE_FLOAT, 1, 3), *list = test_ints(2, places),
                  *more = test_tensor(DTYPE_FLOAT, 1, 2);
    struct tensor *texts = test_tensor(DTYPE_STRING, 1, 3), *words = test_tensor(DTYPE_STRING, 1, 2);
    struct test_node node;
    test_node_init(&node, "ScatterElements", 3, 1);
    test_run_fails(&node, 18, (const struct tensor *const[]){data, list, more}, STATUS_INVALID_ARGUMENT,
                   "index 3 (number 1 in input 1) is not in -3..2");
    test_run_fails(&node, 18, (const struct tensor *const[]){data, list, data}, STATUS_SHAPE,
                   "input 2 (updates) has shape [3], expected [2]");
    test_node_text(&node, "reduction", "add");
    test_run_fails(&node, 18, (const struct tensor *const[]){texts, list, words}, STATUS_UNSUPPORTED,
                   "have no reduction");
    test_run_fails(&node, 13, (const struct tensor *const[]){data, list, more}, STATUS_UNSUPPORTED,
                   "attribute \"reduction\" is not known");
    test_node_init(&node, "ScatterElements", 3, 1);
    test_node_text(&node, "reduction", "mean");
    test_run_fails(&node, 16, (const struct tensor *const[]){data, list, more}, STATUS_UNSUPPORTED, "expected one of");
    test_node_init(&node, "ScatterND", 3, 1);
    test_run_fails(&node, 18, (const struct tensor *const[]){data, list, more}, STATUS_SHAPE, "does not index [3]");
    test_tensor_free(list);
    list = test_tensor(DTYPE_INT64, 2, 2, 1);
    ((int64_t *)list->data)[1] = -4;
    test_run_fails(&node, 18, (const struct tensor *const[]){data, list, more}, STATUS_INVALID_ARGUMENT,
                   "index -4 (number 1");
    test_run_fails(&node, 18, (const struct tensor *const[]){data, list, data}, STATUS_SHAPE,
                   "input 2 (updates) of shape [3] does not fit");
    test_tensor_free(data);
    test_tensor_free(list);
    test_tensor_free(more);
    test_tensor_free(texts);
    test_tensor_free(words);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(scatter_elements), cmocka_unit_test(scatter_nd),
                                       cmocka_unit_test(bools_and_nan), cmocka_unit_test(tensor_scatter),
                                       cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
