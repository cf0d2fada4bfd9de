/*
 * Every way of a product (ops/matmul/product.h), forced on random products: matrices in batches that broadcast,
 * transposed, scaled, with an addend, of few rows and columns, with either side constant. Beside double precision, and
 * the same bits with 1, 2 and 3 threads; and those of a row alone. A way that was not run fails.
 * Threads sleep while they wait, as in test_forced.c.
 */
#include "tests/support/node_call.h"
#include "tests/support/support.h"

#include "ops/core/forced_choices.h"
#include "ops/matmul/product.h"
#include "ops/weights/weight_cache.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CASES 100 /* of every way */
#define THREADS 3
#define BATCH_DIMS 2

static const char *const names[PRODUCT_WAYS] = {"panels", "packed columns", "rows", "columns", "tiles"};

struct ways_case {
    bool gemm; /* else MatMul, or FusedMatMul where something is transposed or scaled */
    int64_t m, n, k, batch_a[BATCH_DIMS], batch_b[BATCH_DIMS], batch[BATCH_DIMS];
    bool transposed_a, transposed_b;
    float alpha, beta;
    struct tensor *a, *b, *c; /* c NULL: none */
    char text[240];
};

static int64_t size_of(struct random *random, int64_t few, int64_t many) {
    return random_int(random, 0, 2) ? random_int(random, 1, many) : random_int(random, 1, few);
}

/* [m,k], or [k,m], in batches. */
static struct tensor *matrix(struct random *random, const int64_t *batch, int64_t rows, int64_t columns, bool turned,
                             bool gemm) {
    struct shape shape = {gemm ? 2 : 2 + BATCH_DIMS, {batch[0], batch[1], 0, 0}};
    shape.dims[shape.rank - 2] = turned ? columns : rows;
    shape.dims[shape.rank - 1] = turned ? rows : columns;
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, &shape);
    test_fill(tensor, random);
    tensor->constant = random_int(random, 0, 1);
    return tensor;
}

static struct tensor *addend(struct random *random, int64_t m, int64_t n) {
    const int kind = (int)random_int(random, 0, 4);
    const struct shape shapes[] = {{0, {0}}, {1, {n}}, {2, {m, 1}}, {2, {1, n}}, {2, {m, n}}};
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, &shapes[kind]);
    test_fill(tensor, random);
    return tensor;
}

static struct ways_case make_case(struct random *random, enum product_way way) {
    struct ways_case c = {.gemm = random_int(random, 0, 1),
                          .m = size_of(random, 3, 90),
                          .n = way == PRODUCT_COLUMNS ? random_int(random, 1, 7) : size_of(random, 20, 150),
                          .k = random_int(random, 0, 3) ? random_int(random, 1, 70) : random_int(random, 200, 600),
                          .alpha = random_int(random, 0, 1) ? 1 : -0.75f,
                          .beta = random_int(random, 0, 1) ? 1 : 2.5f,
                          .transposed_a = random_int(random, 0, 1),
                          .transposed_b = random_int(random, 0, 1),
                          .batch = {1, 1}};
    if (way == PRODUCT_ROWS)
        c.m = random_int(random, 1, 3);
    if (random_int(random, 0, 5) == 0)
        c.k = 512; /* rows that evict each other */
    for (int d = 0; d < BATCH_DIMS; d++) {
        const int64_t size = c.gemm ? 1 : random_int(random, 1, 3), which = random_int(random, 0, 3);
        c.batch[d] = size;
        c.batch_a[d] = which == 1 ? 1 : size;
        c.batch_b[d] = which == 2 ? 1 : size;
    }
    c.a = matrix(random, c.batch_a, c.m, c.k, c.transposed_a, c.gemm);
    c.b = matrix(random, c.batch_b, c.k, c.n, c.transposed_b, c.gemm);
    c.c = c.gemm && random_int(random, 0, 2) ? addend(random, c.m, c.n) : NULL;
    snprintf(c.text, sizeof c.text,
             "seed %llu: %s by %s, %lldx%lldx%lld, [%lld,%lld] and [%lld,%lld] of them, a %d %d, b %d %d, alpha %g, "
             "beta %g, addend %d",
             (unsigned long long)test_seed(), c.gemm ? "Gemm" : "MatMul", names[way], (long long)c.m, (long long)c.k,
             (long long)c.n, (long long)c.batch_a[0], (long long)c.batch_a[1], (long long)c.batch_b[0],
             (long long)c.batch_b[1], c.a->constant, c.transposed_a, c.b->constant, c.transposed_b, (double)c.alpha,
             (double)c.beta, c.c ? c.c->shape.rank : -1);
    return c;
}

static void free_case(struct ways_case *c) {
    test_tensor_free(c->a);
    test_tensor_free(c->b);
    test_tensor_free(c->c);
}

static double number_of(const struct tensor *tensor, const int64_t *batch, const int64_t *at, int64_t rows,
                        int64_t columns, bool turned, int64_t row, int64_t column) {
    const int64_t which = (batch[0] == 1 ? 0 : at[0]) * batch[1] + (batch[1] == 1 ? 0 : at[1]);
    const float *numbers = (const float *)tensor->data + which * rows * columns;
    return numbers[turned ? column * rows + row : row * columns + column];
}

static double addend_of(const struct tensor *c, int64_t row, int64_t column) {
    const int rank = c->shape.rank;
    const int64_t rows = rank > 1 ? c->shape.dims[0] : 1, columns = rank > 0 ? c->shape.dims[rank - 1] : 1;
    return ((const float *)c->data)[(rows == 1 ? 0 : row) * columns + (columns == 1 ? 0 : column)];
}

/* And the sum of the sizes of all terms, which errors are measured by. */
static double expected_at(const struct ways_case *c, int64_t index, double *size) {
    const int64_t column = index % c->n, row = index / c->n % c->m, batch = index / c->n / c->m;
    const int64_t at[BATCH_DIMS] = {batch / c->batch[1], batch % c->batch[1]};
    double sum = 0;
    *size = 0;
    for (int64_t k = 0; k < c->k; k++) {
        const double term = number_of(c->a, c->batch_a, at, c->m, c->k, c->transposed_a, row, k) *
                            number_of(c->b, c->batch_b, at, c->k, c->n, c->transposed_b, k, column);
        sum += term;
        *size += fabs(term);
    }
    const double more = c->c ? (double)c->beta * addend_of(c->c, row, column) : 0;
    *size = *size * fabs((double)c->alpha) + fabs(more);
    return (double)c->alpha * sum + more;
}

/* NULL where the way cannot be had for the product. */
static float *run_case(const struct ways_case *c, int way, int threads, struct weight_cache *weights) {
    const struct forced_choices forced = {.product = way};
    const struct tensor *inputs[] = {c->a, c->b, c->c};
    struct kernels kernels = *test_kernels();
    struct node_call call;
    struct test_node node;
    kernels.forced = &forced;
    test_node_init(&node, c->gemm ? "Gemm" : "FusedMatMul", c->c ? 3 : 2, 1);
    if (!c->gemm)
        node.node.domain = "com.microsoft";
    test_node_int(&node, "transA", c->transposed_a);
    test_node_int(&node, "transB", c->transposed_b);
    test_node_float(&node, "alpha", c->alpha);
    if (c->gemm)
        test_node_float(&node, "beta", c->beta);
    const status code = node_call_prepare(&call, &node, c->gemm ? 13 : 1, inputs, &kernels, threads, weights);
    if (code != STATUS_OK) {
        assert_int_equal(code, STATUS_UNSUPPORTED);
        node_call_close(&call);
        return NULL;
    }
    if (way)
        assert_int_equal(((const struct product_state *)call.call.state)->way, way - 1);
    node_call_run(&call);
    node_call_close(&call);
    return call.output.data;
}

static void check_case(const struct ways_case *c, const float *y) {
    const int64_t count = c->batch[0] * c->batch[1] * c->m * c->n;
    for (int64_t i = 0; i < count; i++) {
        double size;
        const double expected = expected_at(c, i, &size);
        if (!(fabs((double)y[i] - expected) <= 2e-6 * size + 1e-30))
            fail_msg("%s: number %lld is %.9g in place of %.9g", c->text, (long long)i, (double)y[i], expected);
    }
}

/* False where the way cannot be had. */
static bool check_way(const struct ways_case *c, int way) {
    const size_t count = (size_t)(c->batch[0] * c->batch[1] * c->m * c->n);
    struct weight_cache *weights = weight_cache_create();
    float *first = run_case(c, way, 1, weights);
    for (int threads = 2; first && threads <= THREADS; threads++) {
        float *y = run_case(c, way, threads, weights);
        if (memcmp(y, first, count * sizeof *y) != 0)
            fail_msg("%s: other bits with %d threads", c->text, threads);
        free(y);
    }
    if (first)
        check_case(c, first);
    free(first);
    weight_cache_destroy(weights);
    return first != NULL;
}

static void test_ways(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 96);
    for (int way = 0; way < PRODUCT_WAYS; way++) {
        int runs = 0;
        for (int i = 0; i < test_cases(CASES); i++) {
            struct ways_case c = make_case(&random, (enum product_way)way);
            runs += check_way(&c, 1 + way);
            assert_true(check_way(&c, 0));
            free_case(&c);
        }
        print_message("%s: %d runs\n", names[way], runs);
        if (runs == 0)
            fail_msg("%s was never run (seed %llu)", names[way], (unsigned long long)test_seed());
    }
}

/* A row of A alone, by whatever way costs choose for so few rows, has the bits that it has among others. */
static void test_rows_alone(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 97);
    for (int i = 0; i < test_cases(CASES); i++) {
        struct ways_case c = make_case(&random, PRODUCT_TILES);
        if (c.gemm && !c.transposed_a && !c.c) {
            struct weight_cache *weights = weight_cache_create();
            c.a->constant = false;
            float *all = run_case(&c, 0, 2, weights);
            const int64_t row = random_int(&random, 0, c.m - 1), m = c.m;
            memmove(c.a->data, (float *)c.a->data + row * c.k, (size_t)c.k * sizeof(float));
            c.a->shape.dims[0] = c.m = 1;
            c.a->bytes = (size_t)c.k * sizeof(float);
            float *alone = run_case(&c, 0, 1, weights);
            if (memcmp(alone, all + row * c.n, (size_t)c.n * sizeof *all) != 0)
                fail_msg("%s: other bits of row %lld of %lld alone", c.text, (long long)row, (long long)m);
            free(all);
            free(alone);
            weight_cache_destroy(weights);
        }
        free_case(&c);
    }
}

int main(int count, char **arguments) {
    (void)count;
    if (!getenv("OMP_WAIT_POLICY") && setenv("OMP_WAIT_POLICY", "passive", 1) == 0)
        execv("/proc/self/exe", arguments);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ways), cmocka_unit_test(test_rows_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
