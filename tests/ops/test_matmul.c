/* MatMul and Gemm against plain loops in double precision. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "tests/support/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 400

/* Element of a tensor at a broadcast index (dimensions of size 1 repeat), aligned at the right. */
static double at(const struct tensor *tensor, const int64_t *index, int rank) {
    int64_t flat = 0;
    for (int d = 0; d < tensor->shape.rank; d++) {
        const int64_t size = tensor->shape.dims[d];
        flat = flat * size + (size == 1 ? 0 : index[rank - tensor->shape.rank + d]);
    }
    return ((const float *)tensor->data)[flat];
}

/* Y[..., i, j] for matrices with batch dimensions. */
static double *matmul_reference(const struct tensor *a, const struct tensor *b, const struct shape *y) {
    const int64_t count = shape_elements(y), depth = a->shape.dims[a->shape.rank - 1];
    double *expected = calloc((size_t)count + 1, sizeof *expected);
    assert_non_null(expected);
    for (int64_t flat = 0; flat < count; flat++) {
        int64_t index[MAX_RANK], left = flat;
        for (int d = y->rank - 1; d >= 0; d--) {
            index[d] = left % y->dims[d];
            left /= y->dims[d];
        }
        const int64_t row = index[y->rank - 2], column = index[y->rank - 1];
        for (int64_t k = 0; k < depth; k++) {
            index[y->rank - 2] = row;
            index[y->rank - 1] = k;
            const double left_value = at(a, index, y->rank);
            index[y->rank - 2] = k;
            index[y->rank - 1] = column;
            expected[flat] += left_value * at(b, index, y->rank);
        }
    }
    return expected;
}

static struct tensor *random_tensor(struct random *random, const struct shape *shape) {
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, shape);
    test_fill(tensor, random);
    return tensor;
}

/* Two shapes [batch..., m, k] and [batch..., k, n] whose batch dimensions broadcast, and the result's. */
static void random_shapes(struct random *random, struct shape *a, struct shape *b, struct shape *y) {
    static const int64_t sizes[] = {1, 2, 3, 7, 15, 33, 70};
    const int batch = (int)random_int(random, 0, 3);
    const int64_t m = sizes[random_int(random, 0, 6)], n = sizes[random_int(random, 0, 6)];
    const int64_t k = random_int(random, 0, 9) ? sizes[random_int(random, 0, 6)] : 600;
    *y = (struct shape){.rank = batch + 2};
    *a = *b = *y;
    for (int d = 0; d < batch; d++) {
        const int64_t size = random_int(random, 1, 3), which = random_int(random, 0, 3);
        a->dims[d] = which == 1 ? 1 : size;
        b->dims[d] = which == 2 ? 1 : size;
        y->dims[d] = a->dims[d] > b->dims[d] ? a->dims[d] : b->dims[d];
    }
    a->dims[batch] = y->dims[batch] = m;
    b->dims[batch + 1] = y->dims[batch + 1] = n;
    a->dims[batch + 1] = b->dims[batch] = k;
    while (b->rank > 2 && b->dims[0] == 1 && random_int(random, 0, 1)) {
        memmove(b->dims, b->dims + 1, (size_t)--b->rank * sizeof *b->dims);
        memset(b->dims + b->rank, 0, sizeof *b->dims);
    }
}

static void test_matmul_random(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 11);
    for (int i = 0; i < test_cases(CASES); i++) {
        struct shape a_shape, b_shape, expected_shape;
        random_shapes(&random, &a_shape, &b_shape, &expected_shape);
        struct tensor *a = random_tensor(&random, &a_shape), *b = random_tensor(&random, &b_shape);
        const struct tensor *inputs[] = {a, b};
        struct tensor y, *outputs[] = {&y};
        struct test_node node;
        test_node_init(&node, "MatMul", 2, 1);
        test_evaluate(&node, 13, inputs, outputs);
        assert_true(shape_equal(&y.shape, &expected_shape));
        double *expected = matmul_reference(a, b, &expected_shape);
        test_close(y.data, expected, (size_t)tensor_elements(&y), 1e-5, 1e-4, "MatMul");
        free(expected);
        free(y.data);
        test_tensor_free(a);
        test_tensor_free(b);
    }
}

static void check_vector_case(const struct shape *a_shape, const struct shape *b_shape, const struct shape *expected) {
    struct random random = random_from(test_seed() + 12);
    struct tensor *a = random_tensor(&random, a_shape), *b = random_tensor(&random, b_shape);
    const struct tensor *inputs[] = {a, b};
    struct tensor y, *outputs[] = {&y};
    struct test_node node;
    test_node_init(&node, "MatMul", 2, 1);
    test_evaluate(&node, 13, inputs, outputs);
    char text[SHAPE_TEXT_BYTES];
    if (!shape_equal(&y.shape, expected))
        fail_msg("shape %s", shape_text(&y.shape, text));
    double sum = 0; /* the first element is the first row times the first column */
    const int64_t depth = a_shape->dims[a_shape->rank - 1];
    const int64_t step = b_shape->rank > 1 ? b_shape->dims[b_shape->rank - 1] : 1;
    for (int64_t k = 0; k < depth; k++)
        sum += (double)((float *)a->data)[k] * ((float *)b->data)[k * step];
    test_close(y.data, &sum, 1, 1e-5, 1e-5, "first element");
    free(y.data);
    test_tensor_free(a);
    test_tensor_free(b);
}

static void test_matmul_vectors(void **unused) {
    (void)unused;
    check_vector_case(&(struct shape){1, {5}}, &(struct shape){1, {5}}, &(struct shape){0, {0}});
    check_vector_case(&(struct shape){1, {5}}, &(struct shape){2, {5, 3}}, &(struct shape){1, {3}});
    check_vector_case(&(struct shape){2, {4, 5}}, &(struct shape){1, {5}}, &(struct shape){1, {4}});
    check_vector_case(&(struct shape){1, {5}}, &(struct shape){3, {2, 5, 3}}, &(struct shape){2, {2, 3}});
    check_vector_case(&(struct shape){3, {2, 4, 5}}, &(struct shape){1, {5}}, &(struct shape){2, {2, 4}});
}

struct gemm_case {
    int64_t m, n, k;
    bool ta, tb;
    float alpha, beta;
    struct tensor *a, *b, *c;
};

static double element(const struct tensor *matrix, bool transposed, int64_t row, int64_t column) {
    const int64_t stride = matrix->shape.dims[1];
    return ((const float *)matrix->data)[transposed ? column * stride + row : row * stride + column];
}

static void gemm_reference(const struct gemm_case *g, double *expected) {
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < g->k; k++)
                sum += element(g->a, g->ta, i, k) * element(g->b, g->tb, k, j);
            const int64_t index[2] = {i, j};
            expected[i * g->n + j] = g->alpha * sum + (g->c ? g->beta * at(g->c, index, 2) : 0);
        }
}

static struct gemm_case random_gemm(struct random *random) {
    struct gemm_case g = {.m = random_int(random, 1, 40),
                          .n = random_int(random, 1, 70),
                          .k = random_int(random, 0, 300),
                          .ta = random_int(random, 0, 1),
                          .tb = random_int(random, 0, 1),
                          .alpha = random_int(random, 0, 1) ? 1 : 0.5f,
                          .beta = random_int(random, 0, 1) ? 1 : -2};
    static const int ranks[] = {0, 1, 2, 2, 2};
    g.a = random_tensor(random, &(struct shape){2, {g.ta ? g.k : g.m, g.ta ? g.m : g.k}});
    g.b = random_tensor(random, &(struct shape){2, {g.tb ? g.n : g.k, g.tb ? g.k : g.n}});
    const int kind = (int)random_int(random, -1, 4);
    if (kind >= 0) {
        struct shape shape = {ranks[kind], {kind == 3 ? 1 : g.m, kind == 4 ? 1 : g.n}};
        if (kind == 1)
            shape.dims[0] = random_int(random, 0, 1) ? g.n : 1;
        g.c = random_tensor(random, &shape);
    }
    return g;
}

static void test_gemm_random(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 13);
    for (int i = 0; i < test_cases(CASES); i++) {
        struct gemm_case g = random_gemm(&random);
        const struct tensor *inputs[] = {g.a, g.b, g.c};
        struct tensor y, *outputs[] = {&y};
        struct test_node node;
        test_node_init(&node, "Gemm", g.c ? 3 : 2, 1);
        test_node_int(&node, "transA", g.ta);
        test_node_int(&node, "transB", g.tb);
        test_node_float(&node, "alpha", g.alpha);
        test_node_float(&node, "beta", g.beta);
        test_evaluate(&node, 11, inputs, outputs);
        double *expected = calloc((size_t)(g.m * g.n), sizeof *expected);
        assert_non_null(expected);
        gemm_reference(&g, expected);
        test_close(y.data, expected, (size_t)(g.m * g.n), 1e-5, 1e-4, "Gemm");
        free(expected);
        free(y.data);
        test_tensor_free(g.a);
        test_tensor_free(g.b);
        test_tensor_free(g.c);
    }
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *a = test_tensor(DTYPE_FLOAT, 2, 3, 4), *b = test_tensor(DTYPE_FLOAT, 2, 5, 6);
    const struct tensor *inputs[] = {a, b};
    struct tensor y, *outputs[] = {&y};
    struct test_node node;
    struct error err;
    test_node_init(&node, "MatMul", 2, 1);
    assert_int_equal(op_evaluate(&node.node, 13, inputs, outputs, test_kernels(), 1, SIZE_MAX, &err), STATUS_SHAPE);
    assert_string_equal(err.message, "inputs 0 (A) [3,4] and 1 (B) [5,6] cannot be multiplied");
    test_tensor_free(a);
    test_tensor_free(b);
}

/* ---- a constant right side, which is packed beforehand ---- */

struct product_case {
    const char *op_type;
    int m, n, k, batch;
    int64_t transposed_a, transposed_b;
    float alpha, beta;
};

static struct product_case random_product(struct random *random) {
    struct product_case c = {
        .op_type = random_int(random, 0, 1) ? "Gemm" : "MatMul", .alpha = 1, .beta = 1, .batch = 1};
    c.m = (int)random_int(random, 1, 230);
    c.n = (int)random_int(random, 1, 150);
    c.k = random_int(random, 0, 3) ? (int)random_int(random, 1, 90) : (int)random_int(random, 1000, 2200);
    if (c.op_type[0] == 'M') {
        c.batch = (int)random_int(random, 1, 3);
        return c;
    }
    c.transposed_a = random_int(random, 0, 3) == 0;
    c.transposed_b = random_int(random, 0, 1);
    c.alpha = random_int(random, 0, 1) ? 1 : 0.5f;
    c.beta = random_int(random, 0, 1) ? 1 : -2;
    return c;
}

/* Y of the case; the right side is a constant of the model, or an input. */
static void run_product(const struct product_case *c, const struct tensor *a, const struct tensor *b,
                        const struct tensor *bias, bool constant, int threads, float *y) {
    const bool gemm = c->op_type[0] == 'G';
    struct builder builder = build_start(17);
    build_input(&builder, "a", DTYPE_FLOAT, NULL);
    if (constant)
        build_constant(&builder, "b", b);
    else
        build_input(&builder, "b", DTYPE_FLOAT, NULL);
    build_constant(&builder, "bias", bias);
    build_node(&builder, c->op_type, gemm ? "a b bias" : "a b", "y");
    if (gemm) {
        build_attribute_int(&builder, "transA", c->transposed_a);
        build_attribute_int(&builder, "transB", c->transposed_b);
        build_attribute_float(&builder, "alpha", c->alpha);
        build_attribute_float(&builder, "beta", c->beta);
    }
    build_output(&builder, "y");
    limner_model *model = build_model(&builder, 0);
    limner_session *session = open_session(model, &(limner_options){.threads = threads});
    const limner_tensor inputs[] = {as_input("a", a), as_input("b", b)};
    limner_tensor output = {.name = "y"};
    run_model(session, inputs, constant ? 1 : 2, &output, 1);
    memcpy(y, output.data, output.bytes);
    limner_session_close(session);
    limner_model_close(model);
}

/* However the right side is packed: the same numbers; and with any number of threads the same bits. */
static void test_constant_side(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 71);
    for (int i = 0; i < test_cases(100); i++) {
        const struct product_case c = random_product(&random);
        struct tensor *a = c.op_type[0] == 'M' ? test_tensor(DTYPE_FLOAT, 3, c.batch, c.m, c.k)
                           : c.transposed_a    ? test_tensor(DTYPE_FLOAT, 2, c.k, c.m)
                                               : test_tensor(DTYPE_FLOAT, 2, c.m, c.k);
        struct tensor *b =
            c.transposed_b ? test_tensor(DTYPE_FLOAT, 2, c.n, c.k) : test_tensor(DTYPE_FLOAT, 2, c.k, c.n);
        struct tensor *bias = test_tensor(DTYPE_FLOAT, 1, c.n);
        test_fill(a, &random);
        test_fill(b, &random);
        test_fill(bias, &random);
        const size_t count = (size_t)c.batch * (size_t)c.m * (size_t)c.n;
        float *given = malloc(count * sizeof *given), *one = malloc(count * sizeof *one),
              *many = malloc(count * sizeof *many);
        double *expected = malloc(count * sizeof *expected);
        assert_true(given && one && many && expected);
        run_product(&c, a, b, bias, false, 1, given);
        run_product(&c, a, b, bias, true, 1, one);
        run_product(&c, a, b, bias, true, 3, many);
        for (size_t k = 0; k < count; k++)
            expected[k] = given[k];
        char what[128];
        snprintf(what, sizeof what, "case %d: %s %dx%dx%d, batch %d", i, c.op_type, c.m, c.n, c.k, c.batch);
        test_close(one, expected, count, 1e-5, 1e-5 + 1e-7 * c.k, what);
        if (memcmp(one, many, count * sizeof *one) != 0)
            fail_msg("%s (seed %llu): other bits with three threads", what, (unsigned long long)test_seed());
        free(given);
        free(one);
        free(many);
        free(expected);
        test_tensor_free(a);
        test_tensor_free(b);
        test_tensor_free(bias);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_constant_side), cmocka_unit_test(test_matmul_random),
                                       cmocka_unit_test(test_matmul_vectors), cmocka_unit_test(test_gemm_random),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
