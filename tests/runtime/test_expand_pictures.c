/* Operators that are written as others, on pictures: norms, sums, convolutions with channels last; attention. */
#include "tests/support/builder.h"
#include "tests/support/numbers.h"
#include "tests/support/run_once.h"

#include <math.h>
#include <string.h>

/* ---- others ---- */

/* Rows before the batch: [rows, batch, depth] by [depth, batch, columns], which are moved. */
static void rows_before_the_batch(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    for (int sides = 0; sides < 4; sides++) {
        const bool left = sides & 1, right = sides & 2;
        const struct shape a = left ? (struct shape){3, {4, 3, 5}} : (struct shape){3, {3, 4, 5}};
        const struct shape b = right ? (struct shape){3, {5, 3, 2}} : (struct shape){3, {3, 5, 2}};
        struct tensor *x[] = {test_tensor_shape(DTYPE_FLOAT, &a), test_tensor_shape(DTYPE_FLOAT, &b)};
        struct builder builder = build_start(17);
        build_input(&builder, "x0", DTYPE_FLOAT, "? ? ?");
        build_input(&builder, "x1", DTYPE_FLOAT, "? ? ?");
        build_node(&builder, "FusedMatMul", "x0 x1", "y");
        build_name(&builder, "n", MICROSOFT);
        build_attribute_int(&builder, "transBatchA", left);
        build_attribute_int(&builder, "transBatchB", right);
        build_attribute_float(&builder, "alpha", 0.5f);
        build_output(&builder, "y");
        test_fill(x[0], &random);
        test_fill(x[1], &random);
        struct tensor *p = test_copy(x[0]), *q = test_copy(x[1]), *y = run_once(&builder, x, 2);
        assert_int_equal(tensor_elements(y), 3 * 4 * 2);
        for (int i = 0; i < 3 * 4 * 2; i++) {
            const int n = i % 2, m = i / 2 % 4, batch = i / 8;
            double sum = 0;
            for (int k = 0; k < 5; k++)
                sum += number_get(p, left ? (m * 3 + batch) * 5 + k : (batch * 4 + m) * 5 + k) *
                       number_get(q, right ? (k * 3 + batch) * 2 + n : (batch * 5 + k) * 2 + n);
            test_number(y, i, sum / 2, 0, 1e-6, "FusedMatMul");
        }
        test_tensor_free(p);
        test_tensor_free(q);
        test_tensor_free(y);
    }
}

static struct builder picture_model(struct random *random, const struct shape *shape, struct tensor **x,
                                    struct tensor **kept) {
    struct builder builder = build_start(17);
    build_input(&builder, "x0", DTYPE_FLOAT, "? ? ? ?");
    *x = test_tensor_shape(DTYPE_FLOAT, shape);
    test_fill(*x, random);
    *kept = test_copy(*x);
    return builder;
}

/* GroupNorm of [2,3,5,6], two groups of three channels, first or last, with or without Swish. */
static void normalized_groups(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 6);
    for (int which = 0; which < 4; which++) {
        const bool last = which & 1, swish = which & 2;
        const struct shape shape = last ? (struct shape){4, {2, 3, 5, 6}} : (struct shape){4, {2, 6, 3, 5}};
        struct tensor *x, *kept;
        struct builder builder = picture_model(&random, &shape, &x, &kept);
        build_random(&builder, "g", "6", &random);
        build_random(&builder, "b", "6", &random);
        const struct value *values = builder.model->graph->values;
        const float *scale = values[graph_find_value(builder.model->graph, "g")].initializer->data;
        const float *bias = values[graph_find_value(builder.model->graph, "b")].initializer->data;
        float factors[12];
        memcpy(factors, scale, 6 * sizeof *scale);
        memcpy(factors + 6, bias, 6 * sizeof *bias);
        build_node(&builder, "GroupNorm", "x0 g b", "y");
        build_name(&builder, "n", MICROSOFT);
        build_attribute_int(&builder, "groups", 2);
        build_attribute_int(&builder, "activation", swish);
        build_attribute_int(&builder, "channels_last", last);
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        for (int i = 0; i < 180; i++) {
            const int channel = last ? i % 6 : i / 15 % 6, image = i / 90;
            double sum = 0, square = 0;
            for (int k = 0; k < 45; k++) {
                const int c = channel / 3 * 3 + k / 15, place = k % 15;
                const double v = number_get(kept, image * 90 + (last ? place * 6 + c : c * 15 + place));
                sum += v / 45;
                square += v * v / 45;
            }
            double z = (number_get(kept, i) - sum) / sqrt(square - sum * sum + 1e-5);
            z = z * (double)factors[channel] + (double)factors[6 + channel];
            test_number(y, i, swish ? z * sigmoid(z) : z, 0, 1e-5, "GroupNorm");
        }
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

/* SkipGroupNorm of [2,2,2,4] by one group is that of the sum, which is output 1; what is skipped comes in three forms.
 */
static void skipped_sums(void **state) {
    (void)state;
    static const struct shape shapes[] = {{4, {2, 2, 2, 4}}, {4, {2, 1, 1, 4}}, {2, {2, 4}}};
    struct random random = random_from(test_seed() + 9);
    for (int form = 0; form < 6; form++) {
        struct tensor *x, *kept, *skip = test_tensor_shape(DTYPE_FLOAT, &shapes[form / 2]);
        struct tensor *ones = test_tensor(DTYPE_FLOAT, 1, 4);
        struct builder builder = picture_model(&random, &shapes[0], &x, &kept);
        for (int i = 0; i < 4; i++)
            number_set(ones, i, 1);
        test_fill(skip, &random);
        build_constant(&builder, "one", ones);
        build_constant(&builder, "skip", skip);
        build_node(&builder, "SkipGroupNorm", form % 2 ? "x0 one one skip one" : "x0 one one skip", "n y");
        build_name(&builder, "n", MICROSOFT);
        build_attribute_int(&builder, "groups", 1);
        build_attribute_int(&builder, "activation", 0);
        build_output(&builder, "n");
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        for (int i = 0; i < 32; i++)
            test_number(y, i, number_get(kept, i) + form % 2 + number_get(skip, form < 2 ? i : i / 16 * 4 + i % 4), 0,
                        1e-6, "SkipGroupNorm");
        test_tensor_free(ones);
        test_tensor_free(skip);
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

/* NhwcConv of [1,4,5,3] by one weight [2,2,2,3] of ones and twos. */
static void convolution_with_channels_last(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 7);
    const struct shape shape = {4, {1, 4, 5, 3}};
    struct tensor *x, *kept, *w = test_tensor(DTYPE_FLOAT, 4, 2, 2, 2, 3);
    struct builder builder = picture_model(&random, &shape, &x, &kept);
    test_fill(w, &random);
    build_constant(&builder, "w", w);
    build_node(&builder, "NhwcConv", "x0 w", "y");
    build_name(&builder, "n", MICROSOFT);
    build_output(&builder, "y");
    struct tensor *y = run_once(&builder, &x, 1);
    assert_int_equal(tensor_elements(y), 3 * 4 * 2);
    for (int i = 0; i < 24; i++) {
        double sum = 0;
        for (int k = 0; k < 12; k++)
            sum += number_get(kept, ((i / 8 + k / 6) * 5 + i / 2 % 4 + k / 3 % 2) * 3 + k % 3) *
                   number_get(w, i % 2 * 12 + k);
        test_number(y, i, sum, 0, 1e-5, "NhwcConv");
    }
    test_tensor_free(w);
    test_tensor_free(kept);
    test_tensor_free(y);
}

/* BiasAdd, BiasSplitGelu and BiasDropout of [2,1,3,4] with a bias of 1, 2, 3, 4. */
static void sums_with_a_bias(void **state) {
    (void)state;
    static const char *const names[] = {"BiasAdd", "BiasSplitGelu", "BiasDropout"};
    struct random random = random_from(test_seed() + 8);
    const struct shape shape = {4, {2, 1, 3, 4}};
    for (int which = 0; which < 3; which++) {
        struct tensor *x, *kept, *bias = test_tensor(DTYPE_FLOAT, 1, 4);
        struct builder builder = picture_model(&random, &shape, &x, &kept);
        for (int i = 0; i < 4; i++)
            number_set(bias, i, i + 1);
        build_constant(&builder, "b", bias);
        build_node(&builder, names[which], which == 1 ? "x0 b" : "x0 b x0", "y");
        build_name(&builder, "n", MICROSOFT);
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        assert_int_equal(tensor_elements(y), which == 1 ? 12 : 24);
        for (int i = 0; i < tensor_elements(y); i++) {
            const int at = which == 1 ? i / 2 * 4 + i % 2 : i;
            const double v = number_get(kept, at) + at % 4 + 1,
                         g = which == 1 ? number_get(kept, at + 2) + at % 4 + 3 : 0;
            const double expected = which == 1 ? v * g * 0.5 * (1 + erf(g / sqrt(2))) : v + number_get(kept, at);
            test_number(y, i, expected, 0, 1e-5, names[which]);
        }
        test_tensor_free(bias);
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

/* score_mod and prob_mod: a factor of the graph around, which the subgraphs capture. */
static struct builder scaled_body(const struct builder *outer) {
    struct builder body = build_body(outer);
    build_captured(&body, "f");
    build_input(&body, "v", DTYPE_FLOAT, "? ? ? ?");
    build_node(&body, "Mul", "v f", "w");
    build_output(&body, "w");
    return body;
}

/* Query heads share key heads two by two. */
static double flex_at(struct tensor *const *x, const bool *mods, int64_t i) {
    enum { HEADS = 4, GROUPS = 2, ROWS = 3, KEYS = 5, SIZE = 6, WIDTH = 2 };
    const int64_t column = i % WIDTH, row = i / WIDTH % ROWS, head = i / WIDTH / ROWS % HEADS;
    const int64_t batch = i / WIDTH / ROWS / HEADS, group = batch * GROUPS + head / 2;
    double sum = 0, y = 0;
    for (int64_t key = 0; key < KEYS; key++) {
        double score = 0;
        for (int64_t k = 0; k < SIZE; k++)
            score += number_get(x[0], ((batch * HEADS + head) * ROWS + row) * SIZE + k) *
                     number_get(x[1], (group * KEYS + key) * SIZE + k);
        score = exp(score / sqrt(SIZE) * (mods[0] ? 3 : 1));
        sum += score;
        y += score * number_get(x[2], (group * KEYS + key) * WIDTH + column);
    }
    return y / sum * (mods[1] ? 3 : 1);
}

static void attention_with_subgraphs(void **state) {
    (void)state;
    static const struct shape shapes[] = {{4, {2, 4, 3, 6}}, {4, {2, 2, 5, 6}}, {4, {2, 2, 5, 2}}};
    static const char *const names[] = {"x0", "x1", "x2"}, *const bodies[] = {"score_mod", "prob_mod"};
    struct random random = random_from(test_seed() + 5);
    for (int which = 0; which < 4; which++) {
        const bool mods[] = {which & 1, which & 2};
        struct builder builder = build_start(26);
        struct tensor *x[3], *kept[3];
        for (int i = 0; i < 3; i++) {
            build_input(&builder, names[i], DTYPE_FLOAT, "? ? ? ?");
            x[i] = test_tensor_shape(DTYPE_FLOAT, &shapes[i]);
            test_fill(x[i], &random);
            kept[i] = test_copy(x[i]);
        }
        build_float(&builder, "g", 1.5f);
        build_node(&builder, "Add", "g g", "f");
        build_node(&builder, "FlexAttention", "x0 x1 x2", "y");
        build_name(&builder, "n", "ai.onnx.preview");
        for (int i = 0; i < 2; i++)
            if (mods[i]) {
                struct builder body = scaled_body(&builder);
                build_attribute_graph(&builder, bodies[i], &body);
            }
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, x, 3);
        assert_int_equal(tensor_elements(y), 2 * 4 * 3 * 2);
        for (int64_t i = 0; i < tensor_elements(y); i++)
            test_number(y, i, flex_at(kept, mods, i), 0, 1e-5, "FlexAttention");
        for (int i = 0; i < 3; i++)
            test_tensor_free(kept[i]);
        test_tensor_free(y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_before_the_batch), cmocka_unit_test(normalized_groups),
        cmocka_unit_test(skipped_sums),          cmocka_unit_test(convolution_with_channels_last),
        cmocka_unit_test(sums_with_a_bias),      cmocka_unit_test(attention_with_subgraphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}