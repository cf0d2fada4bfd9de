/* Operators that are written as others: what comes out of them, beside double precision, and what is refused. */
#include "tests/support/builder.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MICROSOFT "com.microsoft"

/* Runs a model with inputs x0, x1, ... and output y. Inputs are freed; the output is the caller's. */
static struct tensor *run_once(struct builder *builder, struct tensor *const *inputs, size_t count) {
    static const char *const names[] = {"x0", "x1", "x2"};
    limner_tensor given[3], y = {.name = "y"};
    limner_model *model = build_model(builder, 0);
    limner_session *session = open_session(model, NULL);
    struct shape shape = {0};
    for (size_t i = 0; i < count; i++)
        given[i] = as_input(names[i], inputs[i]);
    run_model(session, given, count, &y, 1);
    shape.rank = y.rank;
    for (int d = 0; d < y.rank; d++)
        shape.dims[d] = y.dims[d];
    struct tensor *result = test_tensor_shape((enum dtype)y.type, &shape);
    assert_int_equal(result->bytes, y.bytes);
    if (y.bytes)
        memcpy(result->data, y.data, y.bytes);
    limner_session_close(session);
    limner_model_close(model);
    for (size_t i = 0; i < count; i++)
        test_tensor_free(inputs[i]);
    return result;
}

static struct tensor *random_bytes(struct random *random, enum dtype dtype, const struct shape *shape) {
    struct tensor *tensor = test_tensor_shape(dtype, shape);
    for (size_t i = 0; i < tensor->bytes; i++)
        ((uint8_t *)tensor->data)[i] = (uint8_t)random_next(random);
    return tensor;
}

/* ---- quantized operators ---- */

/* One quantization of all inputs, and one of the result. */
struct coding {
    enum dtype dtype;
    float scale, result_scale;
    int zero, result_zero;
    bool zeros; /* the model says zero points */
};

static struct coding random_coding(struct random *random) {
    struct coding c = {.dtype = random_int(random, 0, 1) ? DTYPE_INT8 : DTYPE_UINT8,
                       .scale = (float)random_int(random, 1, 20) / 256,
                       .result_scale = (float)random_int(random, 1, 20) / 128,
                       .zeros = random_int(random, 0, 1)};
    const int low = c.dtype == DTYPE_INT8 ? -50 : 50;
    c.zero = c.zeros ? low + (int)random_int(random, 0, 100) : 0;
    c.result_zero = c.zeros ? low + (int)random_int(random, 0, 100) : 0;
    return c;
}

static void add_constant(struct builder *builder, const char *name, enum dtype dtype, double value) {
    struct tensor *tensor = test_tensor(dtype, 0);
    number_set(tensor, 0, value);
    build_constant(builder, name, tensor);
    test_tensor_free(tensor);
}

/* With s, z, t, u: scale and zero point of what comes in, and of the result. */
static struct builder start(const struct coding *c, const char *const *dims, int count) {
    static const char *const names[] = {"x0", "x1", "x2"};
    struct builder builder = build_start(17);
    for (int i = 0; i < count; i++)
        build_input(&builder, names[i], c->dtype, dims[i]);
    add_constant(&builder, "s", DTYPE_FLOAT, (double)c->scale);
    add_constant(&builder, "t", DTYPE_FLOAT, (double)c->result_scale);
    if (c->zeros) {
        add_constant(&builder, "z", c->dtype, c->zero);
        add_constant(&builder, "u", c->dtype, c->result_zero);
    }
    return builder;
}

static double real(const struct coding *c, const struct tensor *tensor, int64_t i) {
    return (number_get(tensor, i) - c->zero) * (double)c->scale;
}

/* The code is that of the number, or of a number that rounding cannot tell from it. */
static void check_code(const struct coding *c, const struct tensor *y, int64_t i, double expected) {
    const double low = c->dtype == DTYPE_INT8 ? -128 : 0, exact = expected / (double)c->result_scale + c->result_zero;
    const double found = number_get(y, i), clipped = fmin(fmax(exact, low), low + 255);
    assert_int_equal(y->dtype, c->dtype);
    if (fabs(found - clipped) > 0.5 + 1e-3)
        fail_msg("seed %llu: element %d is %g, expected %g", (unsigned long long)test_seed(), (int)i, found, exact);
}

static const struct shape flat = {4, {2, 3, 4, 5}};
#define FLAT "2 3 4 5"

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double leaky(double x) {
    return x < 0 ? 0.25 * x : x;
}

static void functions_of_one(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double (*function)(double);
    } rows[] = {{"QLinearSigmoid", sigmoid}, {"QLinearLeakyRelu", leaky}};
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(20); round++) {
        const struct coding c = random_coding(&random);
        struct builder builder = start(&c, (const char *const[]){FLAT}, 1);
        struct tensor *x = random_bytes(&random, c.dtype, &flat), *kept = test_copy(x);
        build_node(&builder, rows[round % 2].name, c.zeros ? "x0 s z t u" : "x0 s - t", "y");
        build_name(&builder, "n", MICROSOFT);
        if (round % 2)
            build_attribute_float(&builder, "alpha", 0.25f);
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        for (int64_t i = 0; i < tensor_elements(y); i++)
            check_code(&c, y, i, rows[round % 2].function(real(&c, kept, i)));
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

static void functions_of_two(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    const struct shape row = {1, {5}};
    for (int round = 0; round < test_cases(20); round++) {
        const struct coding c = random_coding(&random);
        struct builder builder = start(&c, (const char *const[]){FLAT, "5"}, 2);
        struct tensor *x[] = {random_bytes(&random, c.dtype, &flat), random_bytes(&random, c.dtype, &row)};
        struct tensor *a = test_copy(x[0]), *b = test_copy(x[1]);
        build_node(&builder, round % 2 ? "QLinearMul" : "QLinearAdd", c.zeros ? "x0 s z x1 s z t u" : "x0 s - x1 s - t",
                   "y");
        build_name(&builder, "n", MICROSOFT);
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, x, 2);
        for (int64_t i = 0; i < tensor_elements(y); i++) {
            const double left = real(&c, a, i), right = real(&c, b, i % 5);
            check_code(&c, y, i, round % 2 ? left * right : left + right);
        }
        test_tensor_free(a);
        test_tensor_free(b);
        test_tensor_free(y);
    }
}

/* Channels first or last; the mean of the whole picture, or of windows of 2 by 2. */
static void averages(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < test_cases(20); round++) {
        const struct coding c = random_coding(&random);
        const bool last = random_int(&random, 0, 1), whole = random_int(&random, 0, 1);
        const struct shape shape = last ? (struct shape){4, {2, 4, 6, 3}} : (struct shape){4, {2, 3, 4, 6}};
        struct builder builder = start(&c, (const char *const[]){last ? "2 4 6 3" : "2 3 4 6"}, 1);
        struct tensor *x = random_bytes(&random, c.dtype, &shape), *kept = test_copy(x);
        build_node(&builder, whole ? "QLinearGlobalAveragePool" : "QLinearAveragePool",
                   c.zeros ? "x0 s z t u" : "x0 s - t", "y");
        build_name(&builder, "n", MICROSOFT);
        build_attribute_int(&builder, "channels_last", last);
        if (!whole) {
            build_attribute_ints(&builder, "kernel_shape", "2 2");
            build_attribute_ints(&builder, "strides", "2 2");
        }
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        const int64_t rows = whole ? 1 : 2, columns = whole ? 1 : 3, high = 4 / rows, wide = 6 / columns;
        assert_int_equal(tensor_elements(y), 2 * 3 * rows * columns);
        for (int64_t i = 0; i < tensor_elements(y); i++) {
            const int64_t channel = last ? i % 3 : i / columns / rows % 3, place = last ? i / 3 : i;
            const int64_t column = place % columns, row = place / columns % rows, image = i / (3 * rows * columns);
            double sum = 0;
            for (int64_t k = 0; k < high * wide; k++) {
                const int64_t a = row * high + k / wide, b = column * wide + k % wide;
                sum += real(&c, kept,
                            last ? ((image * 4 + a) * 6 + b) * 3 + channel : ((image * 3 + channel) * 4 + a) * 6 + b);
            }
            check_code(&c, y, i, sum / (double)(high * wide));
        }
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

static void parts_side_by_side(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    struct coding c = random_coding(&random);
    c.zeros = true;
    struct builder builder = start(&c, (const char *const[]){"2 3", "2 1", "2 2"}, 3);
    struct tensor *x[3], *kept[3];
    static const int64_t widths[] = {3, 1, 2};
    for (int i = 0; i < 3; i++) {
        x[i] = random_bytes(&random, c.dtype, &(struct shape){2, {2, widths[i]}});
        kept[i] = test_copy(x[i]);
    }
    build_node(&builder, "QLinearConcat", "t u x0 s z x1 s z x2 s z", "y");
    build_name(&builder, "n", MICROSOFT);
    build_attribute_int(&builder, "axis", 1);
    build_output(&builder, "y");
    struct tensor *y = run_once(&builder, x, 3);
    for (int i = 0; i < 12; i++) {
        const int column = i % 6, part = column < 3 ? 0 : column < 4 ? 1 : 2, first = part ? part + 2 : 0;
        check_code(&c, y, i, real(&c, kept[part], i / 6 * widths[part] + column - first));
    }
    for (int i = 0; i < 3; i++)
        test_tensor_free(kept[i]);
    test_tensor_free(y);
}

/* ---- refusals ---- */

static void refused(struct builder *builder, const char *inputs, const char *op, const char *attribute, int64_t value,
                    const char *message) {
    limner_error error;
    build_node(builder, op, inputs, "y");
    build_name(builder, "n", MICROSOFT);
    if (attribute)
        build_attribute_int(builder, attribute, value);
    build_output(builder, "y");
    assert_int_not_equal(build_failing(builder, &error), LIMNER_OK);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    const struct coding c = {.dtype = DTYPE_INT8, .scale = 1, .result_scale = 1};
    const char *const one[] = {FLAT};
    struct builder builder = start(&c, one, 1);
    refused(&builder, "x0 s - t", "QLinearSoftmax", "opset", 0, "\"opset\" is 0");
    builder = start(&c, one, 1);
    refused(&builder, "x0 s - t", "QLinearSigmoid", "alpha", 1, "alpha");
    builder = start(&c, one, 1);
    refused(&builder, "t - x0 s", "QLinearConcat", NULL, 0, "data, scale and zero point each");
    builder = start(&c, one, 1);
    build_float(&builder, "f", 1);
    refused(&builder, "f f", "CDist", "metric", 1, "metric");
    builder = start(&c, one, 1);
    refused(&builder, "f f f", "Attention", "do_rotary", 1, "do_rotary");
}

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
    const struct CMUnitTest tests[] = {cmocka_unit_test(functions_of_one),
                                       cmocka_unit_test(functions_of_two),
                                       cmocka_unit_test(averages),
                                       cmocka_unit_test(parts_side_by_side),
                                       cmocka_unit_test(what_cannot_be_is_refused),
                                       cmocka_unit_test(rows_before_the_batch),
                                       cmocka_unit_test(normalized_groups),
                                       cmocka_unit_test(skipped_sums),
                                       cmocka_unit_test(convolution_with_channels_last),
                                       cmocka_unit_test(sums_with_a_bias),
                                       cmocka_unit_test(attention_with_subgraphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
