/* Large products with a constant right side, which are computed by Strassen's algorithm: [N, rows, k] by [k, n]. */
#include "tests/support/support.h"

#include "tests/support/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 6
#define COLUMNS 24 /* looked at in every row: all of them would take the reference minutes */

/* The largest error that may be seen, over the norms of row and column. */
#define BOUND 1e-6

struct problem {
    int batch, rows, k, n;
    struct tensor *a, *b;
    limner_model *model;
    char text[160];
};

/* Sizes just above the smallest for which Strassen pays; odd ones leave something over in every dimension. */
static struct problem open_problem(struct random *random, int batch) {
    struct problem p = {.batch = batch,
                        .rows = (int)random_int(random, 150, 290),
                        .k = (int)random_int(random, 1250, 1450),
                        .n = (int)random_int(random, 1250, 1450)};
    snprintf(p.text, sizeof p.text, "[%d,%d,%d] by [%d,%d], seed %llu", batch, p.rows, p.k, p.k, p.n,
             (unsigned long long)test_seed());
    p.a = test_tensor(DTYPE_FLOAT, 3, batch, p.rows, p.k);
    p.b = test_tensor(DTYPE_FLOAT, 2, p.k, p.n);
    test_fill(p.a, random);
    test_fill(p.b, random);
    return p;
}

static void close_problem(struct problem *p) {
    limner_model_close(p->model);
    test_tensor_free(p->a);
    test_tensor_free(p->b);
}

static float *a_row(const struct problem *p, int row) {
    return (float *)p->a->data + (size_t)row * (size_t)p->k;
}

static size_t row_count(const struct problem *p) {
    return (size_t)p->batch * (size_t)p->rows;
}

static void build_problem(struct problem *p) {
    struct builder builder = build_start(17);
    build_input(&builder, "a", DTYPE_FLOAT, NULL);
    build_constant(&builder, "b", p->b);
    build_node(&builder, "MatMul", "a b", "y");
    build_output(&builder, "y");
    p->model = build_model(&builder, 0);
}

/* Y for another A, or the problem's own where it is NULL; the caller frees it. */
static float *product(struct problem *p, const struct tensor *a, limner_options options) {
    if (!p->model)
        build_problem(p);
    limner_session *session = open_session(p->model, &options);
    const limner_tensor input = as_input("a", a ? a : p->a);
    limner_tensor output = {.name = "y"};
    run_model(session, &input, 1, &output, 1);
    float *y = malloc(output.bytes);
    assert_non_null(y);
    memcpy(y, output.data, output.bytes);
    limner_session_close(session);
    return y;
}

static double norm(const float *x, size_t count, size_t step) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)x[i * step] * x[i * step];
    return sqrt(sum);
}

/* A column of Y, beside double precision; rows with numbers that are not finite are left out. */
static void check_column(const struct problem *p, const float *y, size_t column) {
    const float *b = (const float *)p->b->data + column;
    const double width = norm(b, (size_t)p->k, (size_t)p->n);
    for (size_t row = 0; row < row_count(p); row++) {
        const float *a = a_row(p, (int)row), actual = y[row * (size_t)p->n + column];
        const double size = norm(a, (size_t)p->k, 1) * width;
        double sum = 0;
        for (size_t k = 0; k < (size_t)p->k; k++)
            sum += (double)a[k] * b[k * (size_t)p->n];
        if (isfinite(size) && !(fabs(actual - sum) <= BOUND * size + 1e-37))
            fail_msg("%s: row %zu, column %zu is %.9g in place of %.9g, off by %.3g of the norms", p->text, row, column,
                     (double)actual, sum, fabs(actual - sum) / size);
    }
}

static void check_columns(const struct problem *p, const float *y, struct random *random) {
    check_column(p, y, 0);
    check_column(p, y, (size_t)p->n - 1);
    for (int i = 2; i < COLUMNS; i++)
        check_column(p, y, (size_t)random_int(random, 0, p->n - 1));
}

static void same_bits(const struct problem *p, const float *x, const float *y, size_t count, const char *what) {
    if (memcmp(x, y, count * sizeof *x) != 0)
        fail_msg("%s: other bits: %s", p->text, what);
}

static void test_near_reference(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 81);
    for (int i = 0; i < test_cases(CASES); i++) {
        struct problem p = open_problem(&random, (int)random_int(&random, 1, 2));
        float *y = product(&p, NULL, (limner_options){.threads = 2});
        float *direct = product(&p, NULL, (limner_options){.threads = 2, .exact = 1});
        check_columns(&p, y, &random);
        check_columns(&p, direct, &random);
        if (memcmp(y, direct, (size_t)p.n * sizeof *y) == 0)
            fail_msg("%s: direct sums", p.text);
        free(y);
        free(direct);
        close_problem(&p);
    }
}

/* A row of the batch alone, and any number of threads; the pairs of three rows come in several groups. */
static void test_same_bits(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 82);
    for (int i = 0; i < test_cases(2) + 1; i++) {
        struct problem p = open_problem(&random, 3);
        const size_t count = (size_t)p.rows * (size_t)p.n;
        float *one = product(&p, NULL, (limner_options){.threads = 1});
        for (int threads = 2; threads < 4; threads++) {
            float *many = product(&p, NULL, (limner_options){.threads = threads});
            same_bits(&p, one, many, 3 * count, "another number of threads");
            free(many);
        }
        for (int row = 0; row < 3; row++) {
            struct tensor *alone = test_tensor(DTYPE_FLOAT, 4, 1, 1, p.rows, p.k);
            memcpy(alone->data, a_row(&p, row * p.rows), alone->bytes);
            float *y = product(&p, alone, (limner_options){.threads = 1});
            same_bits(&p, one + (size_t)row * count, y, count, "a row of the batch alone");
            free(y);
            test_tensor_free(alone);
        }
        free(one);
        close_problem(&p);
    }
}

/* Rows of rank 2 are rows of the batch: none has a partner. Exact sums are those. */
static void test_exact(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 83);
    struct problem p = open_problem(&random, 1);
    struct tensor *flat = test_tensor(DTYPE_FLOAT, 2, p.rows, p.k);
    memcpy(flat->data, p.a->data, flat->bytes);
    float *direct = product(&p, flat, (limner_options){.threads = 2});
    float *exact = product(&p, NULL, (limner_options){.threads = 1, .exact = 1});
    same_bits(&p, direct, exact, row_count(&p) * (size_t)p.n, "direct sums");
    free(direct);
    free(exact);
    test_tensor_free(flat);
    close_problem(&p);
}

static float power(struct random *random, int most) {
    return powf(10, (float)random_int(random, -most, most));
}

/* Rows and columns of very different size, some with nothing but zeros. */
static void test_sizes(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 84);
    struct problem p = open_problem(&random, 2);
    for (size_t row = 0; row < row_count(&p); row++) {
        const float size = random_int(&random, 0, 9) ? power(&random, 20) : 0;
        for (int k = 0; k < p.k; k++)
            a_row(&p, (int)row)[k] *= random_int(&random, 0, 99) || size == 0 ? size : 10 * size;
    }
    for (int column = 0; column < p.n; column++) {
        const float size = random_int(&random, 0, 9) ? power(&random, 10) : 0;
        for (int k = 0; k < p.k; k++)
            ((float *)p.b->data)[k * p.n + column] *= size;
    }
    float *y = product(&p, NULL, (limner_options){.threads = 2});
    check_columns(&p, y, &random);
    free(y);
    close_problem(&p);
}

/* Columns of a size that no power of two brings near the others: direct sums. */
static void test_extreme_column(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 85);
    struct problem p = open_problem(&random, 1);
    for (int k = 0; k < p.k; k++)
        ((float *)p.b->data)[k * p.n + 7] *= 1e30f;
    float *y = product(&p, NULL, (limner_options){.threads = 2});
    float *exact = product(&p, NULL, (limner_options){.threads = 2, .exact = 1});
    same_bits(&p, y, exact, row_count(&p) * (size_t)p.n, "an extreme column");
    free(y);
    free(exact);
    close_problem(&p);
}

static bool finite_row(const struct problem *p, const float *y, size_t row) {
    for (size_t i = 0; i < (size_t)p->n; i++)
        if (!isfinite(y[row * (size_t)p->n + i]))
            return false;
    return true;
}

/* One number that is not finite, in either half of the rows, or in the depth that is left over. */
static void check_not_finite(struct problem *p, int bad, int depth, float number) {
    float *before = product(p, NULL, (limner_options){.threads = 2}), *place = a_row(p, bad) + depth;
    const float kept = *place;
    *place = number;
    float *y = product(p, NULL, (limner_options){.threads = 2});
    for (size_t row = 0; row < row_count(p); row++)
        if (finite_row(p, y, row) != (row != (size_t)bad))
            fail_msg("%s: %g in row %d, and row %zu", p->text, (double)number, bad, row);
    const size_t others = (size_t)(bad / p->rows ? 0 : p->rows) * (size_t)p->n;
    same_bits(p, before + others, y + others, (size_t)p->rows * (size_t)p->n, "the other row of the batch");
    *place = kept;
    free(before);
    free(y);
}

static void test_not_finite(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 86);
    struct problem p = open_problem(&random, 2);
    check_not_finite(&p, (int)random_int(&random, 0, p.rows / 2), (int)random_int(&random, 0, p.k - 1), INFINITY);
    check_not_finite(&p, 2 * p.rows - 1, (int)random_int(&random, 0, p.k - 1), NAN);
    check_not_finite(&p, (int)random_int(&random, 0, p.rows - 1), p.k - 1, -INFINITY);
    close_problem(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_near_reference), cmocka_unit_test(test_same_bits),
                                       cmocka_unit_test(test_exact),          cmocka_unit_test(test_sizes),
                                       cmocka_unit_test(test_extreme_column), cmocka_unit_test(test_not_finite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
