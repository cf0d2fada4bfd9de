/* BlockedInstanceNormalization against the plain operator: activations, additions, any number of threads. */
#include "ops/blocked/blocked.h"
#include "ops/evaluate.h"
#include "tests/support/blocked_node.h"
#include "tests/support/support.h"

#include <stdlib.h>
#include <string.h>

#define NORM_CASES 60

/* ---- InstanceNormalization ---- */

static struct tensor norm_of(const char *op_type, const char *domain, const struct tensor *const *inputs, int count,
                             int64_t relu, int threads) {
    struct test_node node;
    test_node_init(&node, op_type, count, 1);
    node.node.domain = domain;
    if (relu)
        test_node_text(&node, "activation", "Relu");
    struct tensor y, *outputs[] = {&y};
    struct error err = {0};
    if (op_evaluate(&node.node, *domain ? 1 : 22, inputs, outputs, test_kernels(), threads, SIZE_MAX, &err) !=
        STATUS_OK)
        fail_msg("%s: %s", op_type, err.message);
    return y;
}

static void test_norm(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 63);
    for (int i = 0; i < test_cases(NORM_CASES); i++) {
        const int channels = (int)random_int(&random, 10, 40), height = (int)random_int(&random, 1, 30),
                  width = (int)random_int(&random, 2, 30);
        const bool relu = random_int(&random, 0, 1), add = random_int(&random, 0, 1);
        struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 2, channels, height, width);
        struct tensor *z = test_tensor(DTYPE_FLOAT, 4, 2, channels, height, width);
        struct tensor *scale = test_tensor(DTYPE_FLOAT, 1, channels), *bias = test_tensor(DTYPE_FLOAT, 1, channels);
        test_fill(x, &random);
        test_fill(z, &random);
        test_fill(scale, &random);
        test_fill(bias, &random);
        const float shift = random_int(&random, 0, 1) ? 1000.0f : 0.0f; /* a mean far from the spread */
        for (int64_t k = 0; k < tensor_elements(x); k++)
            ((float *)x->data)[k] += shift;
        const struct tensor *plain_in[] = {x, scale, bias};
        struct tensor expected = norm_of("InstanceNormalization", "", plain_in, 3, 0, 2);
        for (int64_t k = 0; k < tensor_elements(x); k++) {
            float *y = (float *)expected.data + k;
            *y += add ? ((float *)z->data)[k] : 0;
            *y = relu && *y < 0 ? 0 : *y;
        }
        struct tensor blocks = to_blocks(x), added = to_blocks(z);
        const struct tensor *inputs[] = {&blocks, scale, bias, add ? &added : NULL};
        struct tensor y = norm_of("BlockedInstanceNormalization", "limner", inputs, 4, relu, 2);
        struct tensor actual = from_blocks(&y, channels);
        blocked_compare(&actual, &expected, shift != 0 ? 1e-3 : 1e-5, "BlockedInstanceNormalization");
        free(expected.data);
        free(blocks.data);
        free(added.data);
        free(y.data);
        free(actual.data);
        test_tensor_free(x);
        test_tensor_free(z);
        test_tensor_free(scale);
        test_tensor_free(bias);
    }
}

/*
 * Large planes, whose rows are divided among threads: the same bits for any number of them and in every batch row. One
 * pixel is far from all others, and all are far from zero.
 */
static void test_norm_rows(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 67);
    const int channels = 20, height = (int)random_int(&random, 130, 150), width = (int)random_int(&random, 120, 140);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 3, channels, height, width);
    struct tensor *scale = test_tensor(DTYPE_FLOAT, 1, channels), *bias = test_tensor(DTYPE_FLOAT, 1, channels);
    test_fill(x, &random);
    test_fill(scale, &random);
    test_fill(bias, &random);
    float *values = x->data;
    const int64_t picture = (int64_t)channels * height * width;
    for (int64_t k = 0; k < picture; k++)
        values[k] = values[picture + k] = values[2 * picture + k] =
            values[k] + (k % (height * width) == 5 ? -3000.0f : 500.0f);
    const struct tensor *plain_in[] = {x, scale, bias};
    struct tensor expected = norm_of("InstanceNormalization", "", plain_in, 3, 0, 1);
    struct tensor blocks = to_blocks(x), one = blocks;
    one.shape.dims[0] = 1;
    one.bytes /= 3;
    const struct tensor *all[] = {&blocks, scale, bias, NULL}, *first[] = {&one, scale, bias, NULL};
    struct tensor y = norm_of("BlockedInstanceNormalization", "limner", all, 4, 0, 1);
    struct tensor actual = from_blocks(&y, channels);
    blocked_compare(&actual, &expected, 1e-3, "BlockedInstanceNormalization of large planes");
    for (int threads = 1; threads < 6; threads++) {
        struct tensor rows = norm_of("BlockedInstanceNormalization", "limner", first, 4, 0, threads);
        struct tensor batch = norm_of("BlockedInstanceNormalization", "limner", all, 4, 0, threads);
        for (int row = 0; row < 3; row++)
            if (memcmp((char *)batch.data + (size_t)row * rows.bytes, y.data, rows.bytes) != 0)
                fail_msg("normalization: other bits with %d threads in batch row %d", threads, row);
        if (memcmp(rows.data, y.data, rows.bytes) != 0)
            fail_msg("normalization: other bits with %d threads", threads);
        free(rows.data);
        free(batch.data);
    }
    free(expected.data);
    free(blocks.data);
    free(y.data);
    free(actual.data);
    test_tensor_free(x);
    test_tensor_free(scale);
    test_tensor_free(bias);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norm), cmocka_unit_test(test_norm_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}