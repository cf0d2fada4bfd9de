/*
 * One NaN, infinity or number far above all others in a picture, at random positions: every output keeps the error of
 * direct sums, by what it sees itself. Winograd transforms whole tiles, and so must notice. test_forced does the same
 * for every algorithm by itself.
 */
#include "tests/support/builder.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POSITIONS 2
#define LEAST_OUT 60
#define LEAST_SIZE 24

/* A convolution with a square window. */
struct layer {
    bool transposed;
    int kernel, stride, dilation, pad;
    int in, out, size[2]; /* in an example; in the list below the least, or zero for LEAST_OUT and LEAST_SIZE */
};

static const struct layer layers[] = {
    {.kernel = 3, .stride = 1, .dilation = 1, .pad = 1},
    {.kernel = 3, .stride = 1, .dilation = 2, .pad = 2},
    {.kernel = 4, .stride = 2, .dilation = 1, .pad = 1},
    {.kernel = 3, .stride = 2, .dilation = 1, .pad = 1, .out = 120, .size = {40, 40}}, /* direct while small */
    {.transposed = true, .kernel = 4, .stride = 2, .dilation = 1, .pad = 1},
    {.transposed = true, .kernel = 3, .stride = 2, .dilation = 1, .pad = 1},
    {.transposed = true, .kernel = 3, .stride = 1, .dilation = 1, .pad = 1},
};
#define LAYERS (sizeof layers / sizeof layers[0])

static const float values[] = {NAN, INFINITY, -INFINITY, 1e10f, 65504, -300};
#define BOUND 4e-6 /* of the sum of an output's absolute products */

/* A layer with its data, and its outputs in double precision while every input is small. */
struct example {
    struct layer layer;
    struct tensor *x, *w;
    limner_model *model;
    double *y, *magnitudes; /* magnitudes: the sums of absolute products */
    int out_size[2];
};

static void describe(const struct layer *layer, char text[128]) {
    snprintf(text, 128, "%s %d to %d channels, %dx%d, stride %d, dilation %d, %dx%d (seed %llu)",
             layer->transposed ? "ConvTranspose" : "Conv", layer->in, layer->out, layer->kernel, layer->kernel,
             layer->stride, layer->dilation, layer->size[0], layer->size[1], (unsigned long long)test_seed());
}

/* The tap through which an output sees an input along an axis, or -1. */
static int tap_between(const struct layer *layer, int input, int output) {
    const int reach =
        layer->transposed ? output + layer->pad - input * layer->stride : input + layer->pad - output * layer->stride;
    const bool meets = reach >= 0 && reach % layer->dilation == 0 && reach / layer->dilation < layer->kernel;
    return meets ? reach / layer->dilation : -1;
}

static float weight_at(const struct example *e, int out, int in, int row, int column) {
    const struct layer *layer = &e->layer;
    const int64_t pair = layer->transposed ? (int64_t)in * layer->out + out : (int64_t)out * layer->in + in;
    return ((const float *)e->w->data)[(pair * layer->kernel + row) * layer->kernel + column];
}

/* Adds what an input of channel `in` at (top, left) gives to every output that sees it; absolute: by |weights|. */
static void add_input(const struct example *e, double *y, int in, int top, int left, double value, bool absolute) {
    for (int row = 0; row < e->out_size[0]; row++) {
        const int down = tap_between(&e->layer, top, row);
        for (int column = 0; down >= 0 && column < e->out_size[1]; column++) {
            const int across = tap_between(&e->layer, left, column);
            for (int out = 0; across >= 0 && out < e->layer.out; out++) {
                const double weight = (double)weight_at(e, out, in, down, across);
                y[((int64_t)out * e->out_size[0] + row) * e->out_size[1] + column] +=
                    value * (absolute ? fabs(weight) : weight);
            }
        }
    }
}

static void fill_expected(struct example *e) {
    const float *x = e->x->data;
    for (int in = 0; in < e->layer.in; in++)
        for (int row = 0; row < e->layer.size[0]; row++)
            for (int column = 0; column < e->layer.size[1]; column++, x++) {
                add_input(e, e->y, in, row, column, (double)*x, false);
                add_input(e, e->magnitudes, in, row, column, fabs((double)*x), true);
            }
}

static limner_model *make_model(const struct example *e) {
    struct builder b = build_start(13);
    char text[64];
    build_input(&b, "x", DTYPE_FLOAT, "N C H W");
    build_constant(&b, "w", e->w);
    build_node(&b, e->layer.transposed ? "ConvTranspose" : "Conv", "x w", "y");
    snprintf(text, sizeof text, "%d %d", e->layer.stride, e->layer.stride);
    build_attribute_ints(&b, "strides", text);
    snprintf(text, sizeof text, "%d %d", e->layer.dilation, e->layer.dilation);
    build_attribute_ints(&b, "dilations", text);
    snprintf(text, sizeof text, "%d %d %d %d", e->layer.pad, e->layer.pad, e->layer.pad, e->layer.pad);
    build_attribute_ints(&b, "pads", text);
    build_output(&b, "y");
    return build_model(&b, 0);
}

static int out_size(const struct layer *layer, int size) {
    const int reach = layer->dilation * (layer->kernel - 1) + 1;
    return layer->transposed ? (size - 1) * layer->stride + reach - 2 * layer->pad
                             : (size + 2 * layer->pad - reach) / layer->stride + 1;
}

static size_t outputs_of(const struct example *e) {
    return (size_t)e->layer.out * (size_t)e->out_size[0] * (size_t)e->out_size[1];
}

static struct example make_example(const struct layer *kind, struct random *random) {
    struct example e = {.layer = *kind};
    struct layer *layer = &e.layer;
    layer->in = (int)random_int(random, 100, 140);
    layer->out = (layer->out ? layer->out : LEAST_OUT) + (int)random_int(random, 0, 20);
    for (int d = 0; d < 2; d++) {
        layer->size[d] = (layer->size[d] ? layer->size[d] : LEAST_SIZE) + (int)random_int(random, 0, 8);
        e.out_size[d] = out_size(layer, layer->size[d]);
    }
    const int first = layer->transposed ? layer->in : layer->out, second = layer->transposed ? layer->out : layer->in;
    e.x = test_tensor(DTYPE_FLOAT, 4, 1, layer->in, layer->size[0], layer->size[1]);
    e.w = test_tensor(DTYPE_FLOAT, 4, first, second, layer->kernel, layer->kernel);
    test_fill(e.x, random);
    test_fill(e.w, random);
    e.y = calloc(outputs_of(&e), sizeof *e.y);
    e.magnitudes = calloc(outputs_of(&e), sizeof *e.magnitudes);
    assert_non_null(e.y);
    assert_non_null(e.magnitudes);
    fill_expected(&e);
    e.model = make_model(&e);
    return e;
}

static void free_example(struct example *e) {
    limner_model_close(e->model);
    test_tensor_free(e->x);
    test_tensor_free(e->w);
    free(e->y);
    free(e->magnitudes);
}

static bool alike(float actual, double expected, double magnitude) {
    if (!isfinite(expected))
        return isnan(expected) ? isnan(actual) : (double)actual == expected;
    return fabs((double)actual - expected) <= BOUND * magnitude;
}

/* Outputs that are not what they should be, of those that see the value at (top, left) and of those that do not. */
struct count {
    size_t seeing, others;
};

static struct count count_wrong(const struct example *e, const float *actual, const double *expected,
                                const double *magnitudes, int top, int left) {
    struct count wrong = {0};
    for (int out = 0; out < e->layer.out; out++)
        for (int row = 0; row < e->out_size[0]; row++) {
            const bool meets = tap_between(&e->layer, top, row) >= 0;
            for (int column = 0; column < e->out_size[1]; column++)
                if (!alike(*actual++, *expected++, *magnitudes++))
                    *(meets && tap_between(&e->layer, left, column) >= 0 ? &wrong.seeing : &wrong.others) += 1;
        }
    return wrong;
}

static double *copy_of(const struct example *e, const double *from) {
    double *copy = malloc(outputs_of(e) * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, from, outputs_of(e) * sizeof *copy);
    return copy;
}

/* Runs with `value` at a random position. */
static struct count spoil_once(const struct example *e, limner_session *session, float value, struct random *random) {
    const struct layer *layer = &e->layer;
    const int in = (int)random_int(random, 0, layer->in - 1), top = (int)random_int(random, 0, layer->size[0] - 1),
              left = (int)random_int(random, 0, layer->size[1] - 1);
    float *at = (float *)e->x->data + ((int64_t)in * layer->size[0] + top) * layer->size[1] + left;
    const float before = *at;
    double *expected = copy_of(e, e->y), *magnitudes = copy_of(e, e->magnitudes);
    add_input(e, expected, in, top, left, (double)value - (double)before, false);
    add_input(e, magnitudes, in, top, left, fabs((double)value) - fabs((double)before), true);
    *at = value;
    const limner_tensor input = as_input("x", e->x);
    limner_tensor y = {.name = "y"};
    run_model(session, &input, 1, &y, 1);
    assert_int_equal(y.bytes, outputs_of(e) * sizeof(float));
    const struct count wrong = count_wrong(e, y.data, expected, magnitudes, top, left);
    *at = before;
    free(expected);
    free(magnitudes);
    return wrong;
}

/* All positions of one layer together. */
static struct count spoil(const struct example *e, bool exact, float value, struct random *random) {
    limner_session *session = open_session(e->model, &(limner_options){.threads = 2, .exact = exact});
    struct count wrong = {0};
    for (int i = 0; i < POSITIONS; i++) {
        const struct count found = spoil_once(e, session, value, random);
        wrong.seeing += found.seeing;
        wrong.others += found.others;
    }
    limner_session_close(session);
    return wrong;
}

static struct example examples[LAYERS];

static int make_examples(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 81);
    for (size_t i = 0; i < LAYERS; i++)
        examples[i] = make_example(&layers[i], &random);
    return 0;
}

static int free_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < LAYERS; i++)
        free_example(&examples[i]);
    return 0;
}

static void expect_right(const struct example *e, bool exact, float value, struct random *random) {
    const struct count wrong = spoil(e, exact, value, random);
    char what[128];
    describe(&e->layer, what);
    if (wrong.seeing || wrong.others)
        fail_msg("%s: with one %g %zu outputs that see it and %zu that do not are wrong", what, (double)value,
                 wrong.seeing, wrong.others);
}

static void check_values(bool exact, unsigned number) {
    struct random random = random_from(test_seed() + number);
    for (size_t value = 0; value < sizeof values / sizeof values[0]; value++)
        for (size_t i = 0; i < LAYERS; i++)
            expect_right(&examples[i], exact, values[value], &random);
}

static void test_exact(void **unused) {
    (void)unused;
    check_values(true, 82);
}

static void test_default(void **unused) {
    (void)unused;
    check_values(false, 84);
}

/* Nothing is spoilt by a value like all others. */
static void test_small(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 83);
    for (size_t i = 0; i < LAYERS; i++)
        expect_right(&examples[i], false, 0.5f, &random);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_exact), cmocka_unit_test(test_default),
                                       cmocka_unit_test(test_small)};
    return cmocka_run_group_tests(tests, make_examples, free_examples);
}
