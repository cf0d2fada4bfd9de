/* MatMulNBits: packed products beside sums in double precision, and refusals. */
#include "tests/support/contrib_node.h"
#include "tests/support/numbers.h"
#include "tests/support/support.h"

#include <math.h>
#include <stdlib.h>

/* ---- MatMulNBits ---- */

enum { NBITS_INPUTS = 6 };

struct nbits {
    int rows, depth, columns, bits, block, blocks;
    struct tensor *inputs[NBITS_INPUTS]; /* A B scales zero_points g_idx bias */
};

/* halves: 4 bits, for which there are kernels, with few rows as often as with many. */
static struct nbits random_nbits(struct random *random, bool halves) {
    const bool few = random_int(random, 0, 1) == 1;
    struct nbits p = {.rows = (int)random_int(random, 0, few ? 5 : 30),
                      .depth = (int)random_int(random, 1, few ? 5000 : 600),
                      .columns = (int)random_int(random, 1, few ? 9 : 50),
                      .bits = halves ? 4 : 1 << random_int(random, 1, 3),
                      .block = 1 << random_int(random, halves ? 5 : 4, 7)};
    p.blocks = (p.depth + p.block - 1) / p.block;
    p.inputs[0] = contrib_numbers(random, DTYPE_FLOAT, 3, 1, p.rows, p.depth, 0);
    p.inputs[1] = contrib_numbers(random, DTYPE_UINT8, 3, p.columns, p.blocks, p.block * p.bits / 8, 0);
    p.inputs[2] = contrib_numbers(random, DTYPE_FLOAT, 2, p.columns, p.blocks, 0, 0);
    const int64_t zeros = random_int(random, 0, 2);
    if (zeros == 1)
        p.inputs[3] = contrib_numbers(random, DTYPE_UINT8, 2, p.columns, (p.blocks * p.bits + 7) / 8, 0, 0);
    if (zeros == 2)
        p.inputs[3] = contrib_numbers(random, DTYPE_FLOAT, 2, p.columns, p.blocks, 0, 0);
    if (!halves && random_int(random, 0, 2) == 0) {
        p.inputs[4] = test_tensor(DTYPE_INT32, 1, p.depth);
        for (int k = 0; k < p.depth; k++)
            number_set(p.inputs[4], k, (double)random_int(random, 0, p.blocks - 1));
    }
    if (random_int(random, 0, 1))
        p.inputs[5] = contrib_numbers(random, DTYPE_FLOAT, 1, p.columns, 0, 0, 0);
    return p;
}

/* Number i of those that lie side by side in so many bits. */
static int bits_at(const struct tensor *tensor, int64_t byte0, int64_t i, int bits) {
    const int byte = (int)number_get(tensor, byte0 + i * bits / 8);
    return byte >> i * bits % 8 & ((1 << bits) - 1);
}

static double weight_at(const struct nbits *p, int column, int k) {
    const int block = p->inputs[4] ? (int)number_get(p->inputs[4], k) : k / p->block;
    const int code = bits_at(p->inputs[1], (int64_t)column * p->blocks * p->block * p->bits / 8, k, p->bits);
    double zero = 1 << (p->bits - 1);
    if (p->inputs[3] && p->inputs[3]->dtype == DTYPE_FLOAT)
        zero = number_get(p->inputs[3], column * p->blocks + block);
    else if (p->inputs[3])
        zero = bits_at(p->inputs[3], (int64_t)column * ((p->blocks * p->bits + 7) / 8), block, p->bits);
    return (code - zero) * number_get(p->inputs[2], column * p->blocks + block);
}

static void nbits_node(const struct nbits *p, struct test_node *test) {
    test_node_init(test, "MatMulNBits", NBITS_INPUTS, 1);
    test_node_int(test, "K", p->depth);
    test_node_int(test, "N", p->columns);
    test_node_int(test, "bits", p->bits);
    test_node_int(test, "block_size", p->block);
}

static void check_nbits(struct random *random, bool halves) {
    struct nbits p = random_nbits(random, halves);
    struct test_node test;
    struct tensor y = {0}, *outputs[] = {&y};
    double *expected = calloc((size_t)(p.rows * p.columns) + 1, sizeof *expected), largest = 0;
    nbits_node(&p, &test);
    contrib_must(&test, "com.microsoft", 1, p.inputs, outputs);
    for (int i = 0; i < p.rows * p.columns; i++) {
        for (int k = 0; k < p.depth; k++) {
            const double term = number_get(p.inputs[0], i / p.columns * p.depth + k) * weight_at(&p, i % p.columns, k);
            expected[i] += term;
            largest = fmax(largest, fabs(term));
        }
        expected[i] += p.inputs[5] ? number_get(p.inputs[5], i % p.columns) : 0;
    }
    test_close(y.data, expected, (size_t)(p.rows * p.columns), 1e-5, 1e-6 * largest * p.depth, "MatMulNBits");
    free(expected);
    free(y.data);
    contrib_free(p.inputs, NBITS_INPUTS);
}

static void packed_products(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(60); i++)
        check_nbits(&random, i % 2);
}

static void packed_products_refuse(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    struct nbits p = random_nbits(&random, false);
    struct test_node test;
    nbits_node(&p, &test);
    if (!p.inputs[4])
        p.inputs[4] = test_tensor(DTYPE_INT32, 1, p.depth);
    number_set(p.inputs[4], p.depth - 1, p.blocks);
    if (p.rows > 0)
        contrib_refuses(&test, "com.microsoft", 1, p.inputs, "g_idx[");
    p.inputs[1]->shape.dims[0]++;
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "input 1 (B) is");
    p.inputs[1]->shape.dims[0]--;
    p.block = 24;
    nbits_node(&p, &test);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "\"block_size\" is 24");
    p.block = 32, p.bits = 3;
    nbits_node(&p, &test);
    contrib_refuses(&test, "com.microsoft", 1, p.inputs, "\"bits\" is 3");
    contrib_free(p.inputs, NBITS_INPUTS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(packed_products), cmocka_unit_test(packed_products_refuse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}