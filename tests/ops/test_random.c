/* The random generator against its published vectors, and the operators' distributions, seeds and refusals. */
#include "tests/support/numbers.h"

#include "ops/random/generator.h"

#include <math.h>
#include <string.h>

/* From the reference implementation's own list of known answers (Random123, kat_vectors, philox4x32 10), with what the
   counter's upper words have there as they are here: zero. */
static void known_answer(void **state) {
    (void)state;
    static const uint32_t expected[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    uint32_t words[4];
    const struct generator generator = generator_seeded(0);
    generator_block(&generator, 0, words);
    assert_memory_equal(words, expected, sizeof words);
}

/* Any split gives the same numbers. */
static void streams_are_addressed(void **state) {
    (void)state;
    enum { COUNT = 37 };
    const struct generator generator = generator_seeded(test_seed());
    float u[COUNT], single;
    double d[COUNT], n[COUNT], number;
    generator_uniform(&generator, 0, COUNT, u);
    generator_uniform_double(&generator, 0, COUNT, d);
    generator_normal(&generator, 0, COUNT, n);
    for (size_t i = 0; i < COUNT; i++) {
        generator_uniform(&generator, i, 1, &single);
        assert_true(single == u[i] && single >= 0 && single < 1);
        generator_uniform_double(&generator, i, 1, &number);
        assert_true(number == d[i] && number >= 0 && number < 1);
        generator_normal(&generator, i, 1, &number);
        assert_true(number == n[i]);
    }
    assert_true(generator_unseeded().key[0] != generator_unseeded().key[0] ||
                generator_unseeded().key[1] != generator_unseeded().key[1]);
}

static struct tensor *run_node(const struct test_node *node, int opset, const struct tensor *input) {
    struct tensor *output = test_run_all_ways(node, opset, (const struct tensor *const[]){input});
    return output;
}

static void check_moments(const struct tensor *t, double mean, double deviation, const char *what) {
    const int64_t count = tensor_elements(t);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++)
        sum += number_get(t, i);
    for (int64_t i = 0; i < count; i++)
        squares += pow(number_get(t, i) - sum / (double)count, 2);
    /* Six standard errors. */
    if (fabs(sum / (double)count - mean) > 6 * deviation / sqrt((double)count) ||
        fabs(sqrt(squares / (double)count) - deviation) > 6 * deviation / sqrt((double)count))
        fail_msg("%s: mean %g, deviation %g", what, sum / (double)count, sqrt(squares / (double)count));
}

static void distributions(void **state) {
    (void)state;
    static const int64_t shape[] = {3, 5000};
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16, DTYPE_BFLOAT16};
    for (int i = 0; i < 4; i++) {
        struct test_node node;
        test_node_init(&node, "RandomNormal", 0, 1);
        test_node_ints(&node, "shape", shape, 2);
        test_node_int(&node, "dtype", types[i]);
        test_node_float(&node, "mean", 2);
        test_node_float(&node, "scale", 3);
        test_node_float(&node, "seed", (float)i);
        struct tensor *output = run_node(&node, 1 + 5 * i, NULL);
        assert_int_equal(output->dtype, types[i]);
        check_moments(output, 2, 3, "normal");
        test_tensor_free(output);
        test_node_init(&node, "RandomUniformLike", 1, 1);
        test_node_int(&node, "dtype", types[i]);
        test_node_float(&node, "low", -1);
        test_node_float(&node, "high", 5);
        test_node_float(&node, "seed", (float)i);
        struct tensor *like = test_tensor(DTYPE_INT8, 2, 70, 300);
        output = run_node(&node, 22, like);
        assert_true(shape_equal(&output->shape, &like->shape));
        check_moments(output, 2, 6 / sqrt(12), "uniform");
        for (int64_t k = 0; k < tensor_elements(output); k++)
            assert_true(number_get(output, k) >= -1 && number_get(output, k) <= (i < 2 ? 5 - 1e-7 : 5));
        test_tensor_free(like);
        test_tensor_free(output);
    }
}

static void bernoulli(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_BOOL, DTYPE_DOUBLE, DTYPE_UINT64, DTYPE_FLOAT16};
    struct tensor *p = test_tensor(DTYPE_FLOAT, 1, 20000);
    for (int i = 0; i < 20000; i++)
        ((float *)p->data)[i] = i % 4 ? 0.3f : (float)(i % 8 == 0);
    for (int i = 0; i < 4; i++) {
        struct test_node node;
        test_node_init(&node, "Bernoulli", 1, 1);
        test_node_float(&node, "seed", 5);
        test_node_int(&node, "dtype", types[i]);
        struct tensor *output = run_node(&node, 15 + 7 * (i % 2), p);
        double sum = 0;
        for (int k = 0; k < 20000; k++) {
            const double x = number_get(output, k);
            assert_true(x == 0 || x == 1);
            if (k % 4 == 0)
                assert_true(x == (k % 8 == 0));
            else
                sum += x;
        }
        assert_true(fabs(sum / 15000 - 0.3) < 6 * sqrt(0.21 / 15000));
        test_tensor_free(output);
    }
    test_tensor_free(p);
}

static void multinomial(void **state) {
    (void)state;
    enum { SAMPLES = 20000 };
    static const double chances[2][3] = {{0.2, 0, 0.8}, {0.5, 0.25, 0.25}};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    for (int i = 0; i < 6; i++)
        ((float *)x->data)[i] = (float)log(7 * chances[i / 3][i % 3]);
    for (int round = 0; round < 2; round++) {
        struct test_node node;
        test_node_init(&node, "Multinomial", 1, 1);
        test_node_int(&node, "sample_size", SAMPLES);
        test_node_float(&node, "seed", 1);
        test_node_int(&node, "dtype", round ? DTYPE_INT64 : DTYPE_INT32);
        struct tensor *output = run_node(&node, 7 + 15 * round, x);
        double counts[2][3] = {{0}};
        for (int i = 0; i < 2 * SAMPLES; i++) {
            const int found = (int)number_get(output, i);
            assert_in_range(found, 0, 2);
            counts[i / SAMPLES][found]++;
        }
        for (int i = 0; i < 6; i++) {
            const double chance = chances[i / 3][i % 3];
            assert_true(fabs(counts[i / 3][i % 3] / SAMPLES - chance) <= 6 * sqrt(chance * (1 - chance) / SAMPLES));
        }
        test_tensor_free(output);
    }
    struct test_node node;
    test_node_init(&node, "Multinomial", 1, 1);
    ((float *)x->data)[4] = NAN;
    test_run_fails(&node, 7, (const struct tensor *const[]){x}, STATUS_INVALID_ARGUMENT, "row 1 of input 0");
    test_node_int(&node, "sample_size", 0);
    test_run_fails(&node, 7, (const struct tensor *const[]){x}, STATUS_INVALID_MODEL, "expected 1 or more");
    test_tensor_free(x);
}

/* Without a seed no two runs are alike. */
static void unseeded_runs_differ(void **state) {
    (void)state;
    static const int64_t shape[] = {64};
    struct test_node node;
    struct error err;
    test_node_init(&node, "RandomNormal", 0, 1);
    test_node_ints(&node, "shape", shape, 1);
    struct tensor *a = test_run(&node, 22, NULL, 1, -1, &err), *b = test_run(&node, 22, NULL, 1, -1, &err);
    assert_true(a && b && memcmp(a->data, b->data, a->bytes) != 0);
    test_tensor_free(a);
    test_tensor_free(b);
    test_node_int(&node, "dtype", DTYPE_INT8);
    test_run_fails(&node, 22, NULL, STATUS_UNSUPPORTED, "attribute \"dtype\" is int8");
    test_node_init(&node, "RandomUniform", 0, 1);
    test_run_fails(&node, 22, NULL, STATUS_INVALID_MODEL, "attribute \"shape\" is missing");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(known_answer),  cmocka_unit_test(streams_are_addressed),
                                       cmocka_unit_test(distributions), cmocka_unit_test(bernoulli),
                                       cmocka_unit_test(multinomial),   cmocka_unit_test(unseeded_runs_differ)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
