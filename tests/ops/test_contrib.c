/* Operators of com.microsoft that compute themselves, and plain products of wide types, beside double precision. */
#include "tests/support/contrib_node.h"
#include "tests/support/numbers.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>

/* ---- Inverse, CropAndResize ---- */

static void inverses(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    for (int round = 0; round < test_cases(20); round++) {
        const int n = (int)random_int(&random, 0, 9), count = (int)random_int(&random, 1, 3);
        struct tensor *x = contrib_numbers(&random, round % 2 ? DTYPE_FLOAT : DTYPE_DOUBLE, 3, count, n, n, 0);
        struct tensor y = {0}, *outputs[] = {&y}, *inputs[] = {x};
        struct test_node test;
        for (int64_t i = 0; i < count * n; i++) /* far from singular */
            number_set(x, i / n * n * n + i % n * (n + 1), 3 * n);
        test_node_init(&test, "Inverse", 1, 1);
        contrib_must(&test, "com.microsoft", 1, inputs, outputs);
        for (int64_t i = 0; i < (int64_t)count * n * n; i++) {
            const int64_t matrix = i / n / n * n * n, row = i / n % n, column = i % n;
            double product = 0;
            for (int64_t k = 0; k < n; k++)
                product += number_get(x, matrix + row * n + k) * number_get(&y, matrix + k * n + column);
            assert_true(fabs(product - (row == column)) < 1e-6);
        }
        free(y.data);
        test_tensor_free(x);
    }
    struct tensor *flat = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    struct test_node test;
    test_node_init(&test, "Inverse", 1, 1);
    contrib_refuses(&test, "com.microsoft", 1, &flat, "expected square matrices");
    test_tensor_free(flat);
}

static double crop_at(const struct tensor *x, const float *box, int channel, int row, int column, const int *size) {
    const int64_t *dims = x->shape.dims;
    double place[2];
    for (int d = 0; d < 2; d++) {
        const double last = (double)dims[2 + d] - 1, begin = (double)box[d] * last, end = (double)box[2 + d] * last;
        const int i = d ? column : row;
        place[d] = size[d] > 1 ? begin + i * (end - begin) / (size[d] - 1) : (begin + end) / 2;
        if (place[d] < 0 || place[d] > last)
            return 0.5;
    }
    double sum = 0;
    for (int64_t i = 0; i < dims[2] * dims[3]; i++) {
        const int64_t down = i / dims[3], across = i % dims[3];
        const double near = fmax(0, 1 - fabs(place[0] - (double)down)),
                     beside = fmax(0, 1 - fabs(place[1] - (double)across));
        sum += near * beside * number_get(x, channel * dims[2] * dims[3] + i);
    }
    return sum;
}

static void crops(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 5);
    const int size[] = {(int)random_int(&random, 1, 5), (int)random_int(&random, 1, 5)};
    struct tensor *inputs[] = {contrib_numbers(&random, DTYPE_FLOAT, 4, 1, 2, 5, 7), test_tensor(DTYPE_FLOAT, 2, 3, 4),
                               test_tensor(DTYPE_INT32, 1, 3), test_tensor(DTYPE_INT32, 1, 2)};
    struct tensor y = {0}, *outputs[] = {&y};
    struct test_node test;
    test_fill(inputs[1], &random);
    for (int d = 0; d < 2; d++)
        number_set(inputs[3], d, size[d]);
    test_node_init(&test, "CropAndResize", 4, 1);
    test_node_float(&test, "extrapolation_value", 0.5f);
    contrib_must(&test, "com.microsoft", 1, inputs, outputs);
    const int plane = size[0] * size[1];
    for (int i = 0; i < 3 * 2 * plane; i++) {
        const double expected = crop_at(inputs[0], (const float *)inputs[1]->data + i / plane / 2 * 4, i / plane % 2,
                                        i / size[1] % size[0], i % size[1], size);
        if (fabs(number_get(&y, i) - expected) > 1e-4)
            fail_msg("seed %llu: element %d is %g, expected %g", (unsigned long long)test_seed(), i, number_get(&y, i),
                     expected);
    }
    free(y.data);
    number_set(inputs[2], 1, 1);
    contrib_refuses(&test, "com.microsoft", 1, inputs, "batch_indices[1] is 1");
    number_set(inputs[3], 0, 0);
    contrib_refuses(&test, "com.microsoft", 1, inputs, "(crop_size)");
    contrib_free(inputs, 4);
}

/* ---- products of wide types ---- */

/* Integers wrap; every type's own arithmetic. */
static void wide_products(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_INT32, DTYPE_INT64, DTYPE_UINT32, DTYPE_UINT64, DTYPE_DOUBLE};
    struct random random = random_from(test_seed() + 6);
    for (int round = 0; round < test_cases(40); round++) {
        const enum dtype dtype = types[round % 5];
        const int m = (int)random_int(&random, 0, 9), k = (int)random_int(&random, 0, 40),
                  n = (int)random_int(&random, 1, 9);
        struct tensor *inputs[] = {contrib_numbers(&random, dtype, 3, 2, m, k, 0),
                                   contrib_numbers(&random, dtype, 2, k, n, 0, 0)};
        struct tensor y = {0}, *outputs[] = {&y};
        struct test_node test;
        test_node_init(&test, "MatMul", 2, 1);
        contrib_must(&test, "", 13, inputs, outputs);
        assert_int_equal(tensor_elements(&y), 2 * m * n);
        for (int64_t i = 0; i < 2 * (int64_t)m * n; i++) {
            double sum = 0;
            for (int64_t d = 0; d < k; d++)
                sum += number_get(inputs[0], i / n * k + d) * number_get(inputs[1], d * n + i % n);
            assert_true(fabs(number_get(&y, i) - sum) <= (dtype == DTYPE_DOUBLE ? 1e-12 * k : 0));
        }
        free(y.data);
        contrib_free(inputs, 2);
    }
}

static void integer_products_wrap(void **state) {
    (void)state;
    struct tensor *inputs[] = {test_tensor(DTYPE_INT32, 2, 1, 2), test_tensor(DTYPE_INT32, 2, 2, 1)};
    struct tensor y = {0}, *outputs[] = {&y};
    struct test_node test;
    for (int i = 0; i < 2; i++) {
        ((int32_t *)inputs[0]->data)[i] = INT32_MAX;
        ((int32_t *)inputs[1]->data)[i] = 3;
    }
    test_node_init(&test, "MatMul", 2, 1);
    contrib_must(&test, "", 13, inputs, outputs);
    assert_int_equal(((const int32_t *)y.data)[0], -6); /* 6 * 2^31 - 6 */
    free(y.data);
    contrib_free(inputs, 2);
}

/* ---- Conv in double precision ---- */

struct conv {
    int group, in, out, size[2], kernel[2], got[2];
    int64_t pads[4], strides[2], dilations[2];
};

static double conv_at(const struct conv *c, struct tensor *const *inputs, int64_t i) {
    const int64_t column = i % c->got[1], row = i / c->got[1] % c->got[0], m = i / c->got[1] / c->got[0] % c->out;
    const int64_t image = i / c->got[1] / c->got[0] / c->out, depth = c->in / c->group;
    double sum = inputs[2] ? number_get(inputs[2], m) : 0;
    for (int64_t k = 0; k < depth * c->kernel[0] * c->kernel[1]; k++) {
        const int64_t tap_x = k % c->kernel[1], tap_y = k / c->kernel[1] % c->kernel[0];
        const int64_t channel = m / (c->out / c->group) * depth + k / c->kernel[1] / c->kernel[0];
        const int64_t y = row * c->strides[0] - c->pads[0] + tap_y * c->dilations[0];
        const int64_t x = column * c->strides[1] - c->pads[1] + tap_x * c->dilations[1];
        if (y >= 0 && y < c->size[0] && x >= 0 && x < c->size[1])
            sum += number_get(inputs[0], ((image * c->in + channel) * c->size[0] + y) * c->size[1] + x) *
                   number_get(inputs[1], m * depth * c->kernel[0] * c->kernel[1] + k);
    }
    return sum;
}

static void check_conv(struct random *random) {
    struct conv c = {.group = (int)random_int(random, 1, 3)};
    struct test_node test;
    struct tensor y = {0}, *outputs[] = {&y};
    c.in = c.group * (int)random_int(random, 1, 3);
    c.out = c.group * (int)random_int(random, 1, 4);
    for (int d = 0; d < 2; d++) {
        c.kernel[d] = (int)random_int(random, 1, 4);
        c.dilations[d] = random_int(random, 1, 2);
        c.strides[d] = random_int(random, 1, 3);
        c.size[d] = (c.kernel[d] - 1) * 2 + (int)random_int(random, 1, 7);
        c.pads[d] = random_int(random, 0, 2);
        c.pads[2 + d] = random_int(random, 0, 2);
        const int64_t span = c.size[d] + c.pads[d] + c.pads[2 + d] - c.dilations[d] * (c.kernel[d] - 1) - 1;
        c.got[d] = (int)(span / c.strides[d] + 1);
    }
    struct tensor *inputs[] = {
        contrib_numbers(random, DTYPE_DOUBLE, 4, 2, c.in, c.size[0], c.size[1]),
        contrib_numbers(random, DTYPE_DOUBLE, 4, c.out, c.in / c.group, c.kernel[0], c.kernel[1]),
        random_int(random, 0, 1) ? contrib_numbers(random, DTYPE_DOUBLE, 1, c.out, 0, 0, 0) : NULL};
    test_node_init(&test, "Conv", 3, 1);
    test_node_int(&test, "group", c.group);
    test_node_ints(&test, "pads", c.pads, 4);
    test_node_ints(&test, "strides", c.strides, 2);
    test_node_ints(&test, "dilations", c.dilations, 2);
    contrib_must(&test, "", 11, inputs, outputs);
    assert_int_equal(tensor_elements(&y), 2 * c.out * c.got[0] * c.got[1]);
    for (int64_t i = 0; i < tensor_elements(&y); i++)
        if (fabs(number_get(&y, i) - conv_at(&c, inputs, i)) > 1e-12)
            fail_msg("seed %llu: element %lld differs", (unsigned long long)test_seed(), (long long)i);
    free(y.data);
    contrib_free(inputs, 3);
}

static void double_convolutions(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 7);
    for (int i = 0; i < test_cases(40); i++)
        check_conv(&random);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(inverses), cmocka_unit_test(crops),
                                       cmocka_unit_test(wide_products), cmocka_unit_test(integer_products_wrap),
                                       cmocka_unit_test(double_convolutions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}