/* Trilu, OneHot, EyeLike, ReverseSequence, Det, window functions and the mel matrix against their definitions. */
#include "tests/support/movement.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <string.h>

#define TWO_PI 6.283185307179586476925286766559

static void trilu(void **state) {
    (void)state;
    static const int64_t far[] = {INT64_MIN, INT64_MAX, -1, 0, 1, 2, -3, 7};
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(300); round++) {
        const struct shape shape = round % 60 ? random_shape(&random, 2, 4) : shape_of(2, 300, 200);
        const enum dtype dtype = movement_types[round % MOVEMENT_TYPES];
        const int64_t k = round % 9 ? far[round % 8] : random_int(&random, -9, 9);
        const bool upper = round % 2, given = round % 5;
        struct tensor *x = random_tensor(&random, dtype, &shape), *list = test_ints(1, &k);
        struct test_node node;
        test_node_init(&node, "Trilu", 2, 1);
        if (!upper || round % 3)
            test_node_int(&node, "upper", upper);
        struct tensor *y = test_run_all_ways(&node, 14, (const struct tensor *const[]){x, given ? list : NULL});
        const size_t element = dtype_size(dtype);
        const char zeros[16] = {0};
        for (int64_t i = 0; i < tensor_elements(x); i++) {
            int64_t index[MAX_RANK];
            unravel(&shape, i, index);
            const int64_t row = index[shape.rank - 2], column = index[shape.rank - 1], from = given ? k : 0;
            const bool stays = upper ? column - row >= from : column - row <= from;
            const char *expected = stays ? (char *)x->data + (size_t)i * element : zeros;
            if (memcmp((char *)y->data + (size_t)i * element, expected, element) != 0)
                fail_msg("Trilu %d of diagonal %lld: row %lld, column %lld (seed %llu)", upper, (long long)from,
                         (long long)row, (long long)column, (unsigned long long)test_seed());
        }
        test_tensor_free(x);
        test_tensor_free(y);
        test_tensor_free(list);
    }
}

static void one_hot(void **state) {
    (void)state;
    static const enum dtype index_types[] = {DTYPE_INT64, DTYPE_FLOAT, DTYPE_UINT8, DTYPE_INT32, DTYPE_DOUBLE};
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < test_cases(200); round++) {
        const struct shape shape = number_shape(&random, 3, 6);
        const int axis = (int)random_int(&random, 0, shape.rank), depth = (int)random_int(&random, 0, 6);
        struct tensor *indices = test_tensor_shape(index_types[round % 5], &shape),
                      *values = test_tensor(DTYPE_INT16, 1, 2);
        struct tensor *size = test_tensor(round % 2 ? DTYPE_INT64 : DTYPE_FLOAT, 0);
        for (int64_t i = 0; i < tensor_elements(indices); i++)
            number_set(indices, i,
                       (double)random_int(&random, number_is_signed(indices->dtype) ? -depth - 2 : 0, depth + 2));
        number_set(size, 0, depth);
        number_set(values, 0, -5);
        number_set(values, 1, 9);
        struct test_node node;
        test_node_init(&node, "OneHot", 3, 1);
        test_node_int(&node, "axis", round % 3 ? axis : axis - shape.rank - 1);
        struct tensor *y =
            test_run_all_ways(&node, 9 + round % 20, (const struct tensor *const[]){indices, size, values});
        assert_int_equal(y->shape.rank, shape.rank + 1);
        assert_int_equal(y->shape.dims[axis], depth);
        for (int64_t i = 0; i < tensor_elements(y); i++) {
            int64_t index[MAX_RANK], rest[MAX_RANK] = {0};
            unravel(&y->shape, i, index);
            for (int d = 0; d < shape.rank; d++)
                rest[d] = index[d < axis ? d : d + 1];
            const double wanted = number_get(indices, ravel(&shape, rest));
            const bool on = wanted == (double)index[axis] || wanted + depth == (double)index[axis];
            assert_true(number_get(y, i) == (on ? 9 : -5));
        }
        test_tensor_free(indices);
        test_tensor_free(values);
        test_tensor_free(size);
        test_tensor_free(y);
    }
}

static void eye_like(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_FLOAT16, DTYPE_BOOL,
                                       DTYPE_INT64, DTYPE_UINT8,   DTYPE_BFLOAT16};
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < 100; round++) {
        const int64_t k = round % 10 ? random_int(&random, -6, 6) : INT64_MIN;
        const enum dtype dtype = types[round % 6];
        struct tensor *x = test_tensor(round % 2 ? dtype : DTYPE_INT32, 2, (int)random_int(&random, 0, 6),
                                       (int)random_int(&random, 1, 6));
        struct test_node node;
        test_node_init(&node, "EyeLike", 1, 1);
        test_node_int(&node, "k", k);
        if (x->dtype != dtype)
            test_node_int(&node, "dtype", dtype);
        struct tensor *y = test_run_all_ways(&node, 9 + round % 14, (const struct tensor *const[]){x});
        assert_int_equal(y->dtype, dtype);
        for (int64_t i = 0; i < tensor_elements(y); i++)
            assert_true(number_get(y, i) == (i % x->shape.dims[1] - i / x->shape.dims[1] == k));
        test_tensor_free(x);
        test_tensor_free(y);
    }
}

static void reverse_sequence(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    for (int round = 0; round < test_cases(200); round++) {
        const struct shape shape = random_shape(&random, 2, 4);
        const int time = round % 2;
        struct tensor *x = random_tensor(&random, movement_types[round % MOVEMENT_TYPES], &shape);
        struct tensor *lengths = test_tensor(DTYPE_INT64, 1, (int)shape.dims[1 - time]);
        for (int64_t i = 0; i < shape.dims[1 - time]; i++)
            ((int64_t *)lengths->data)[i] = random_int(&random, 0, shape.dims[time]);
        struct test_node node;
        test_node_init(&node, "ReverseSequence", 2, 1);
        test_node_int(&node, "time_axis", time);
        test_node_int(&node, "batch_axis", 1 - time);
        struct tensor *y = test_run_all_ways(&node, 10, (const struct tensor *const[]){x, lengths});
        const size_t element = dtype_size(x->dtype);
        for (int64_t i = 0; i < tensor_elements(x); i++) {
            int64_t index[MAX_RANK];
            unravel(&shape, i, index);
            const int64_t length = ((int64_t *)lengths->data)[index[1 - time]];
            if (index[time] < length)
                index[time] = length - 1 - index[time];
            assert_memory_equal((char *)y->data + (size_t)i * element,
                                (char *)x->data + (size_t)ravel(&shape, index) * element, element);
        }
        test_tensor_free(x);
        test_tensor_free(y);
        if (shape.dims[1 - time] > 0) {
            ((int64_t *)lengths->data)[0] = shape.dims[time] + 1;
            x = test_tensor_shape(DTYPE_INT8, &shape);
            test_run_fails(&node, 10, (const struct tensor *const[]){x, lengths}, STATUS_INVALID_ARGUMENT,
                           "number 0 of input 1");
            test_tensor_free(x);
        }
        test_tensor_free(lengths);
    }
}

/* By the definition: the sum over all columns of the first row. */
static double determinant(const double *a, int n) {
    double sum = 0, part[25];
    if (n == 0)
        return 1;
    for (int column = 0; column < n; column++) {
        for (int i = 0; i < (n - 1) * (n - 1); i++)
            part[i] = a[(i / (n - 1) + 1) * n + i % (n - 1) + (i % (n - 1) >= column)];
        sum += (column % 2 ? -1 : 1) * a[column] * (n == 1 ? 1 : determinant(part, n - 1));
    }
    return sum;
}

static void det(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    for (int round = 0; round < test_cases(60); round++) {
        const int n = round % 6, count = round % 20 ? 3 : 2000;
        struct tensor *x = test_tensor(round % 2 ? DTYPE_FLOAT : DTYPE_DOUBLE, 3, count, n, n);
        for (int64_t i = 0; i < tensor_elements(x); i++)
            number_set(x, i, (double)random_int(&random, -2, 2));
        struct test_node node;
        test_node_init(&node, "Det", 1, 1);
        struct tensor *y = test_run_all_ways(&node, 11 + round % 12, (const struct tensor *const[]){x});
        assert_int_equal(y->shape.rank, 1);
        for (int i = 0; i < count; i++) {
            double matrix[25];
            for (int k = 0; k < n * n; k++)
                matrix[k] = number_get(x, (int64_t)i * n * n + k);
            test_number(y, i, determinant(matrix, n), 4, 1e-10, "Det");
        }
        test_tensor_free(x);
        test_tensor_free(y);
    }
}

static void windows(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double a[3];
    } rows[] = {{"HannWindow", {0.5, 0.5, 0}},
                {"HammingWindow", {25.0 / 46, 21.0 / 46, 0}},
                {"BlackmanWindow", {0.42, 0.5, 0.08}}};
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16};
    for (int round = 0; round < 36; round++) {
        const double *a = rows[round % 3].a;
        const int64_t size = round % 4 == 0 ? 9000 : round;
        const bool periodic = round % 2;
        struct tensor *list = test_tensor(DTYPE_INT64, 0);
        *(int64_t *)list->data = size;
        struct test_node node;
        test_node_init(&node, rows[round % 3].name, 1, 1);
        test_node_int(&node, "periodic", periodic);
        test_node_int(&node, "output_datatype", types[round / 12]);
        struct tensor *y = test_run_all_ways(&node, 17, (const struct tensor *const[]){list});
        assert_int_equal(y->dtype, types[round / 12]);
        assert_int_equal(y->shape.dims[0], size);
        for (int64_t i = 0; i < size && size > 1; i++) {
            const double x = TWO_PI * (double)i / (double)(size - !periodic);
            test_number(y, i, a[0] - a[1] * cos(x) + a[2] * cos(2 * x), 1, y->dtype == DTYPE_FLOAT16 ? 6e-8 : 1e-15,
                        "window");
        }
        test_tensor_free(list);
        test_tensor_free(y);
    }
}

static void mel(void **state) {
    (void)state;
    static const double values[] = {8, 16, 8192, 0, 4096};
    struct tensor *inputs[5];
    for (int i = 0; i < 5; i++) {
        inputs[i] = test_tensor(i < 3 ? DTYPE_INT64 : DTYPE_FLOAT, 0);
        number_set(inputs[i], 0, values[i]);
    }
    struct test_node node;
    test_node_init(&node, "MelWeightMatrix", 5, 1);
    struct tensor *y = test_run_all_ways(&node, 17, (const struct tensor *const *)inputs);
    assert_true(shape_equal(&y->shape, &(struct shape){.rank = 2, .dims = {9, 8}}));
    for (int64_t band = 0; band < 8; band++) { /* every triangle has its peak of 1 */
        double most = 0;
        for (int64_t bin = 0; bin < 9; bin++)
            most = fmax(most, number_get(y, bin * 8 + band));
        assert_true(most == 1);
    }
    test_tensor_free(y);
    number_set(inputs[4], 0, 1e6);
    test_run_fails(&node, 17, (const struct tensor *const *)inputs, STATUS_INVALID_ARGUMENT, "do not fit 9 bins");
    number_set(inputs[4], 0, NAN);
    test_run_fails(&node, 17, (const struct tensor *const *)inputs, STATUS_INVALID_ARGUMENT, "do not fit 9 bins");
    for (int i = 0; i < 5; i++)
        test_tensor_free(inputs[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(trilu),    cmocka_unit_test(one_hot),
                                       cmocka_unit_test(eye_like), cmocka_unit_test(reverse_sequence),
                                       cmocka_unit_test(det),      cmocka_unit_test(windows),
                                       cmocka_unit_test(mel)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
