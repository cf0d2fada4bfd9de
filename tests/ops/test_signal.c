/* DFT and STFT against the definition in double precision, and their inverses. */
#include "tests/support/movement.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TWO_PI 6.283185307179586476925286766559

struct dft_case {
    int64_t length; /* of the transform */
    bool inverse, onesided;
};

/* Element k of the transform of count numbers x, of which those beyond are zero. */
static void bin(const double (*x)[2], int64_t count, int64_t length, int64_t k, int sign, double y[2]) {
    y[0] = y[1] = 0;
    for (int64_t i = 0; i < count && i < length; i++) {
        const double angle = sign * TWO_PI * (double)(i * k % length) / (double)length, c = cos(angle), s = sin(angle);
        y[0] += x[i][0] * c - x[i][1] * s;
        y[1] += x[i][0] * s + x[i][1] * c;
    }
}

/* The input's line: whole, as the definition wants it, and how many elements it has. */
static int64_t line_of(const struct tensor *x, int64_t at, int64_t stride, int64_t count, const struct dft_case *c,
                       double (*line)[2]) {
    const int64_t parts = x->shape.dims[x->shape.rank - 1], half = c->length / 2 + 1;
    for (int64_t i = 0; i < count; i++)
        for (int p = 0; p < 2; p++)
            line[i][p] = p < parts ? number_get(x, (at + i * stride) * parts + p) : 0;
    if (!c->inverse || !c->onesided)
        return count;
    for (int64_t i = count; i < half; i++)
        line[i][0] = line[i][1] = 0;
    for (int64_t i = 0; i < c->length; i++) {
        if (i >= half) {
            line[i][0] = line[c->length - i][0];
            line[i][1] = -line[c->length - i][1];
        } else if (2 * i % c->length == 0) {
            line[i][1] = 0;
        }
    }
    return c->length;
}

static void check_dft(const struct tensor *x, const struct tensor *y, int axis, const struct dft_case *c) {
    const int rank = x->shape.rank;
    const int64_t parts = y->shape.dims[rank - 1], count = x->shape.dims[axis], bins = y->shape.dims[axis];
    double(*line)[2] = calloc((size_t)(count + c->length) + 1, sizeof *line);
    int64_t inner = 1, outer = 1;
    for (int d = 0; d < axis; d++)
        outer *= x->shape.dims[d];
    for (int d = axis + 1; d < rank - 1; d++)
        inner *= x->shape.dims[d];
    assert_int_equal(parts, c->inverse && c->onesided ? 1 : 2);
    assert_int_equal(bins, c->onesided && !c->inverse ? c->length / 2 + 1 : c->length);
    for (int64_t n = 0; n < outer * inner; n++) {
        const int64_t numbers = line_of(x, n / inner * count * inner + n % inner, inner, count, c, line);
        for (int64_t k = 0; k < bins; k++) {
            double expected[2];
            bin((const double(*)[2])line, numbers, c->length, k, c->inverse ? 1 : -1, expected);
            for (int64_t p = 0; p < parts; p++) {
                const double value = expected[p] / (c->inverse ? (double)c->length : 1);
                const double got = number_get(y, ((n / inner * bins + k) * inner + n % inner) * parts + p);
                const double allowed = number_epsilon(y->dtype) * 16 * sqrt((double)c->length);
                if (!(fabs(got - value) <= allowed * 4))
                    fail_msg("DFT of %lld: element %lld is %.9g, expected %.9g (seed %llu)", (long long)c->length,
                             (long long)k, got, value, (unsigned long long)test_seed());
            }
        }
    }
    free(line);
}

/* All kinds of factors: 4, 2, small and large primes. */
static const int64_t lengths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  11, 12, 15,  16,  20,  23,  30,
                                  31, 32, 37, 41, 49, 64, 74, 97, 90, 96, 97, 128, 101, 210, 256, 202};

static void dft(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(400); round++) {
        struct dft_case c = {
            .length = lengths[random_int(&random, 0, 31)], .inverse = round % 2, .onesided = round / 2 % 2};
        const int rank = (int)random_int(&random, 2, 4), axis = (int)random_int(&random, 0, rank - 2);
        const int parts = c.onesided ? 1 + c.inverse : (int)random_int(&random, 1, 2);
        const bool given = round % 3 == 0 || (c.inverse && c.onesided);
        struct shape shape = random_shape(&random, rank, rank);
        for (int d = 0; d < rank; d++)
            shape.dims[d] = shape.dims[d] > 40 ? 40 : shape.dims[d];
        shape.dims[axis] = given ? random_int(&random, 1, c.length + 2) : c.length;
        shape.dims[rank - 1] = parts;
        struct tensor *x = test_tensor_shape(round % 5 ? DTYPE_FLOAT : DTYPE_DOUBLE, &shape);
        for (int64_t i = 0; i < tensor_elements(x); i++)
            number_set(x, i, (double)random_float(&random));
        const int64_t where = round % 4 ? axis : axis - rank;
        struct tensor *length = test_ints(1, &c.length), *along = test_ints(1, &where);
        struct test_node node;
        const int opset = round % 7 ? 20 : 17;
        test_node_init(&node, "DFT", opset == 20 ? 3 : 2, 1);
        if (opset == 17)
            test_node_int(&node, "axis", where);
        test_node_int(&node, "inverse", c.inverse);
        test_node_int(&node, "onesided", c.onesided);
        struct tensor *y =
            test_run_all_ways(&node, opset, (const struct tensor *const[]){x, given ? length : NULL, along});
        check_dft(x, y, axis, &c);
        test_tensor_free(x);
        test_tensor_free(y);
        test_tensor_free(length);
        test_tensor_free(along);
    }
}

static void stft(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < test_cases(60); round++) {
        const bool onesided = round % 2, windowed = round % 3 == 0;
        const int parts = onesided ? 1 : 1 + round / 2 % 2;
        const int64_t length = lengths[random_int(&random, 0, 20)], step = random_int(&random, 1, 9);
        const int64_t size = length + random_int(&random, 0, 60), frames = (size - length) / step + 1;
        const int rank = parts == 1 && round % 4 < 2 ? 2 : 3; /* real numbers without the dimension of parts */
        struct tensor *x = test_tensor(round % 5 ? DTYPE_FLOAT : DTYPE_DOUBLE, rank, 2, (int)size, parts);
        struct tensor *window = test_tensor(x->dtype, 1, (int)length), *every = test_ints(1, &step),
                      *of = test_ints(1, &length);
        for (int64_t i = 0; i < tensor_elements(x); i++)
            number_set(x, i, (double)random_float(&random));
        for (int64_t i = 0; i < length; i++)
            number_set(window, i, (double)random_float(&random));
        struct test_node node;
        test_node_init(&node, "STFT", 4, 1);
        test_node_int(&node, "onesided", onesided);
        struct tensor *y =
            test_run_all_ways(&node, 17, (const struct tensor *const[]){x, every, windowed ? window : NULL, of});
        const int64_t bins = onesided ? length / 2 + 1 : length;
        assert_int_equal(tensor_elements(y), 2 * frames * bins * 2);
        double line[512][2];
        for (int64_t n = 0; n < 2 * frames; n++) {
            for (int64_t i = 0; i < length; i++)
                for (int p = 0; p < 2; p++)
                    line[i][p] = p < parts ? number_get(x, (n / frames * size + n % frames * step + i) * parts + p) *
                                                 (windowed ? number_get(window, i) : 1)
                                           : 0;
            for (int64_t k = 0; k < bins; k++) {
                double expected[2];
                bin((const double(*)[2])line, length, length, k, -1, expected);
                for (int p = 0; p < 2; p++)
                    assert_true(fabs(number_get(y, (n * bins + k) * 2 + p) - expected[p]) <=
                                number_epsilon(y->dtype) * 64 * sqrt((double)length));
            }
        }
        test_tensor_free(x);
        test_tensor_free(y);
        test_tensor_free(window);
        test_tensor_free(every);
        test_tensor_free(of);
    }
}

static void refusals(void **state) {
    (void)state;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 3, 1, 8, 2), *zero = test_ints(1, (const int64_t[]){0});
    struct tensor *last = test_ints(1, (const int64_t[]){-1}), *nine = test_ints(1, (const int64_t[]){9});
    struct test_node node;
    test_node_init(&node, "DFT", 3, 1);
    test_run_fails(&node, 20, (const struct tensor *const[]){x, zero, NULL}, STATUS_INVALID_ARGUMENT, "length is 0");
    test_run_fails(&node, 20, (const struct tensor *const[]){x, NULL, last}, STATUS_INVALID_MODEL,
                   "axis is the last one");
    test_node_int(&node, "onesided", 1);
    test_run_fails(&node, 20, (const struct tensor *const[]){x, NULL, NULL}, STATUS_SHAPE, "of real numbers");
    test_node_init(&node, "STFT", 4, 1);
    test_node_int(&node, "onesided", 0);
    test_run_fails(&node, 17, (const struct tensor *const[]){x, zero, NULL, nine}, STATUS_INVALID_ARGUMENT,
                   "do not fit a signal of 8");
    test_tensor_free(x);
    test_tensor_free(zero);
    test_tensor_free(last);
    test_tensor_free(nine);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(dft), cmocka_unit_test(stft), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
