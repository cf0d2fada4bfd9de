/* LinearAttention, CausalConvWithState and RotaryEmbedding against their formulas. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 60

static struct tensor *random_numbers(struct random *random, int rank, const int64_t *dims) {
    struct shape shape = {.rank = rank};
    memcpy(shape.dims, dims, (size_t)rank * sizeof *dims);
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, &shape);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, (double)random_float(random) * 0.5);
    return tensor;
}

static void free_all(struct tensor **tensors, int count) {
    for (int i = 0; i < count; i++)
        if (tensors[i])
            test_tensor_free(tensors[i]);
}

#define SIZE 6 /* of keys and values, at most */

/* Batch row b and head h of keys; checks all query heads that share it. */
static void check_head(struct tensor *const *in, const struct tensor *y, const struct tensor *present, int64_t b,
                       int64_t h, int64_t heads, int64_t kv_heads, int64_t size, int64_t values, double scale) {
    double state[SIZE][SIZE] = {{0}};
    const int64_t steps = in[0]->shape.dims[1], share = heads / kv_heads;
    for (int64_t i = 0; i < size && in[3]; i++)
        for (int64_t j = 0; j < values; j++)
            state[i][j] = number_get(in[3], ((b * kv_heads + h) * size + i) * values + j);
    for (int64_t t = 0; t < steps; t++) {
        const int64_t row = b * steps + t;
        double change[SIZE];
        for (int64_t i = 0; i < size && in[4]; i++) {
            const int64_t last = in[4]->shape.dims[2], each = last / kv_heads;
            for (int64_t j = 0; j < values; j++)
                state[i][j] *= exp(number_get(in[4], row * last + h * each + (each > 1 ? i : 0)));
        }
        for (int64_t j = 0; j < values; j++) {
            change[j] = number_get(in[2], (row * kv_heads + h) * values + j);
            for (int64_t i = 0; i < size && in[5]; i++)
                change[j] -= number_get(in[1], (row * kv_heads + h) * size + i) * state[i][j];
            if (in[5])
                change[j] *= number_get(in[5], in[5]->shape.dims[2] == 1 ? row : row * kv_heads + h);
        }
        for (int64_t i = 0; i < size; i++)
            for (int64_t j = 0; j < values; j++)
                state[i][j] += number_get(in[1], (row * kv_heads + h) * size + i) * change[j];
        for (int64_t q = h * share; q < (h + 1) * share; q++)
            for (int64_t j = 0; j < values; j++) {
                double sum = 0;
                for (int64_t i = 0; i < size; i++)
                    sum += scale * number_get(in[0], (row * heads + q) * size + i) * state[i][j];
                test_number(y, (row * heads + q) * values + j, sum, 60, 1e-5, "linear attention");
            }
    }
    for (int64_t i = 0; i < size * values; i++)
        test_number(present, (b * kv_heads + h) * size * values + i, state[i / values][i % values], 60, 1e-5, "state");
}

static void test_linear(void **unused) {
    (void)unused;
    static const char *const rules[] = {"linear", "gated", "delta", "gated_delta"};
    struct random random = random_from(test_seed() + 3);
    for (int c = 0; c < test_cases(CASES); c++) {
        const int rule = c % 4;
        const int64_t b = random_int(&random, 1, 2), kv = random_int(&random, 1, 3),
                      heads = kv * random_int(&random, 1, 2);
        const int64_t t = random_int(&random, 1, 7), size = random_int(&random, 2, SIZE),
                      v = random_int(&random, 1, SIZE);
        struct tensor *in[6] = {random_numbers(&random, 3, (int64_t[]){b, t, heads * size}),
                                random_numbers(&random, 3, (int64_t[]){b, t, kv * size}),
                                random_numbers(&random, 3, (int64_t[]){b, t, kv * v})};
        if (random_int(&random, 0, 1))
            in[3] = random_numbers(&random, 4, (int64_t[]){b, kv, size, v});
        if (rule & 1)
            in[4] = random_numbers(&random, 3, (int64_t[]){b, t, random_int(&random, 0, 1) ? kv : kv * size});
        if (rule & 2)
            in[5] = random_numbers(&random, 3, (int64_t[]){b, t, random_int(&random, 0, 1) ? kv : 1});
        struct tensor y, present, *outputs[] = {&y, &present};
        struct test_node node;
        test_node_init(&node, "LinearAttention", 6, 2);
        test_node_text(&node, "update_rule", rules[rule]);
        test_node_int(&node, "q_num_heads", heads);
        test_node_int(&node, "kv_num_heads", kv);
        if (c % 3)
            test_node_float(&node, "scale", 0.5f);
        test_evaluate(&node, 27, (const struct tensor *const *)in, outputs);
        for (int64_t i = 0; i < b * kv; i++)
            check_head(in, &y, &present, i / kv, i % kv, heads, kv, size, v, c % 3 ? 0.5 : 1 / sqrt((double)size));
        free(y.data);
        free(present.data);
        free_all(in, 6);
    }
}

static void test_causal(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 4);
    for (int c = 0; c < test_cases(CASES); c++) {
        const int64_t b = random_int(&random, 1, 2), channels = random_int(&random, 1, 4),
                      taps = random_int(&random, 1, 6);
        const int64_t length = random_int(&random, 1, 12);
        struct tensor *in[4] = {random_numbers(&random, 3, (int64_t[]){b, channels, length}),
                                random_numbers(&random, 3, (int64_t[]){channels, 1, taps})};
        if (random_int(&random, 0, 1))
            in[2] = random_numbers(&random, 1, &channels);
        if (random_int(&random, 0, 1))
            in[3] = random_numbers(&random, 3, (int64_t[]){b, channels, taps - 1});
        struct tensor y, present, *outputs[] = {&y, &present};
        struct test_node node;
        test_node_init(&node, "CausalConvWithState", 4, 2);
        test_node_text(&node, "activation", c % 2 ? "silu" : "none");
        test_evaluate(&node, 27, (const struct tensor *const *)in, outputs);
        for (int64_t line = 0; line < b * channels; line++) {
            double all[32] = {0};
            for (int64_t i = 0; i < taps - 1 + length; i++)
                all[i] = i >= taps - 1 ? number_get(in[0], line * length + i - taps + 1)
                         : in[3]       ? number_get(in[3], line * (taps - 1) + i)
                                       : 0;
            for (int64_t t = 0; t < length; t++) {
                double sum = in[2] ? number_get(in[2], line % channels) : 0;
                for (int64_t k = 0; k < taps; k++)
                    sum += number_get(in[1], line % channels * taps + k) * all[t + k];
                test_number(&y, line * length + t, c % 2 ? sum / (1 + exp(-sum)) : sum, 8, 1e-6, "causal");
            }
            for (int64_t k = 0; k < taps - 1; k++)
                test_number(&present, line * (taps - 1) + k, all[length + k], 0, 0, "state");
        }
        free(y.data);
        free(present.data);
        free_all(in, 4);
    }
}

/* Number j of the vector at `at`, turned by the angles at `angle`; the first `part` numbers are. */
static double rotated(struct tensor *const *in, bool pairs, int64_t part, int64_t at, int64_t angle, int64_t j) {
    if (j >= part)
        return number_get(in[0], at + j);
    const int64_t pair = pairs ? j / 2 : j % (part / 2);
    const bool second = pairs ? j % 2 : j >= part / 2;
    const double a = number_get(in[0], at + (pairs ? 2 * pair : pair));
    const double other = number_get(in[0], at + (pairs ? 2 * pair + 1 : pair + part / 2));
    const double cosine = number_get(in[1], angle + pair);
    const double sine = number_get(in[2], angle + pair);
    return second ? sine * a + cosine * other : cosine * a - sine * other;
}

static void test_rotary(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 5);
    for (int c = 0; c < test_cases(CASES); c++) {
        const int64_t b = random_int(&random, 1, 2), h = random_int(&random, 1, 3), rows = random_int(&random, 1, 5);
        const int64_t size = 2 * random_int(&random, 2, 5), part = c % 3 ? size : 4, places = 9;
        const bool flat = c % 2, pairs = random_int(&random, 0, 1), by_place = random_int(&random, 0, 1);
        const int64_t table[3] = {by_place ? places : b, by_place ? part / 2 : rows, part / 2};
        const int64_t x4[4] = {b, h, rows, size}, x3[3] = {b, rows, h * size};
        struct tensor *in[4] = {random_numbers(&random, flat ? 3 : 4, flat ? x3 : x4),
                                random_numbers(&random, by_place ? 2 : 3, table),
                                random_numbers(&random, by_place ? 2 : 3, table)};
        if (by_place) {
            in[3] = test_tensor_shape(DTYPE_INT64, &(struct shape){2, {b, rows}});
            for (int64_t i = 0; i < b * rows; i++)
                ((int64_t *)in[3]->data)[i] = random_int(&random, 0, places - 1);
        }
        struct test_node node;
        test_node_init(&node, "RotaryEmbedding", 4, 1);
        test_node_int(&node, "interleaved", pairs);
        if (flat)
            test_node_int(&node, "num_heads", h);
        if (part != size)
            test_node_int(&node, "rotary_embedding_dim", part);
        struct tensor *y = test_run_all_ways(&node, 23, (const struct tensor *const *)in);
        for (int64_t i = 0; i < b * h * rows; i++) {
            const int64_t batch = i / rows / h, head = i / rows % h, row = i % rows;
            const int64_t at = flat ? ((batch * rows + row) * h + head) * size : i * size;
            const int64_t angle =
                (by_place ? ((const int64_t *)in[3]->data)[batch * rows + row] : batch * rows + row) * part / 2;
            for (int64_t j = 0; j < size; j++)
                test_number(y, at + j, rotated(in, pairs, part, at, angle, j), 8, 1e-6, "rotary");
        }
        if (by_place) {
            ((int64_t *)in[3]->data)[0] = places;
            test_run_fails(&node, 23, (const struct tensor *const *)in, STATUS_INVALID_MODEL,
                           "place 9 is not in the tables");
        }
        test_tensor_free(y);
        free_all(in, 4);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_linear), cmocka_unit_test(test_causal),
                                       cmocka_unit_test(test_rotary)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
