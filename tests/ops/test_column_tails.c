/*
 * Convolutions whose tiles lie along a row, with every number of columns that the tiles leave over: depthwise ones and
 * those of few channels a group, by every width of a kernel, and those of few outputs. Against double precision;
 * test_forced.c has them at random.
 */
#include "ops/blocked/few_outputs.h"
#include "ops/blocked/grouped.h"
#include "ops/blocked/planes.h"
#include "tests/support/forced_layer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MOST_COLUMNS 44 /* of grouped ones: three of the largest tiles, and more */
#define MOST_WIDTH 9
#define MOST_PLANE_COLUMNS 70
#define MOST_FEW_COLUMNS 240 /* more than the largest tile of few outputs */
#define BOUND 1e-6           /* of the range */

/* Channels: depthwise, of channel blocks or of plain tensors on either side; or some a group. */
static void choose_channels(struct forced_layer *layer, struct random *random) {
    struct conv_problem *p = &layer->problem;
    const bool depthwise = random_int(random, 0, 1);
    p->group = random_int(random, 2, depthwise ? 37 : 9);
    p->in = depthwise ? 1 : random_int(random, 1, 6);
    p->out = depthwise ? 1 : random_int(random, p->in == 1 ? 2 : 1, 6);
    layer->plain_input = depthwise && random_int(random, 0, 1);
    layer->plain_output = depthwise && random_int(random, 0, 1);
}

/* Borders of any kind around a picture that has so many outputs. */
static void choose_size(struct conv_problem *p, int d, int64_t outputs, struct random *random) {
    const int64_t reach = p->dilation[d] * (p->kernel[d] - 1) + 1, all = (outputs - 1) * p->stride[d] + reach;
    const int64_t most = (all - 1) / 2 < reach - 1 ? (all - 1) / 2 : reach - 1;
    p->pads[d] = random_int(random, 0, most);
    p->pads[2 + d] = random_int(random, 0, most);
    p->size[d] = all - p->pads[d] - p->pads[2 + d] + random_int(random, 0, p->stride[d] - 1);
    if (p->pads[d] >= p->size[d] || p->pads[2 + d] >= p->size[d])
        p->border = BORDER_ZERO;
}

static struct forced_layer make(int columns, int width, int step, struct random *random) {
    static const char *const activations[] = {"", "Relu", "LeakyRelu", "Clip", "Tanh"};
    struct forced_layer layer = {.problem = {.stride = {random_int(random, 1, 2), step == 1   ? 2
                                                                                  : step == 2 ? 3
                                                                                              : 1},
                                             .dilation = {1, step == 3 ? 2 : 1},
                                             .kernel = {random_int(random, 1, 4), width},
                                             .batch = random_int(random, 1, 2),
                                             .border = (enum border)random_int(random, 0, 2),
                                             .activation = activations[random_int(random, 0, 4)]}};
    choose_channels(&layer, random);
    choose_size(&layer.problem, 0, random_int(random, 1, 5), random);
    choose_size(&layer.problem, 1, columns, random);
    layer.forced.planes = FORCED_NO;
    layer.forced.band_columns = random_int(random, 0, 3) ? 0 : random_int(random, 1, columns);
    layer_make(&layer, random);
    return layer;
}

/* A depthwise one whose planes stay as they are. */
static struct forced_layer make_planes(int columns, int width, struct random *random) {
    static const char *const activations[] = {"", "Relu", "LeakyRelu", "Clip", "Tanh"};
    struct forced_layer layer = {.problem = {.stride = {1, 1},
                                             .dilation = {random_int(random, 1, 3), random_int(random, 1, 3)},
                                             .kernel = {1 + 2 * random_int(random, 1, 3), width},
                                             .batch = random_int(random, 1, 2),
                                             .group = random_int(random, 2, 4),
                                             .in = 1,
                                             .out = 1,
                                             .border = (enum border)random_int(random, 0, 2),
                                             .activation = activations[random_int(random, 0, 4)]},
                                 .plain_input = true,
                                 .plain_output = true,
                                 .forced.planes = FORCED_YES};
    choose_size(&layer.problem, 0, random_int(random, 1, 9), random);
    choose_size(&layer.problem, 1, columns, random);
    layer.forced.band_columns = random_int(random, 0, 3) ? 0 : random_int(random, 1, 9);
    layer_make(&layer, random);
    return layer;
}

static struct forced_layer make_few(int columns, int outputs, struct random *random) {
    struct forced_layer layer = {.problem = {.stride = {random_int(random, 1, 2), 1},
                                             .dilation = {1, random_int(random, 1, 2)},
                                             .kernel = {random_int(random, 1, 3), random_int(random, 1, 5)},
                                             .batch = 1,
                                             .group = 1,
                                             .out = outputs,
                                             .border = (enum border)random_int(random, 0, 2),
                                             .activation = ""},
                                 .plain_input = random_int(random, 0, 1),
                                 .plain_output = true};
    layer.problem.in = layer.plain_input ? random_int(random, 1, 5) : random_int(random, 1, 20);
    layer.forced.rows_together = outputs == 1 ? random_int(random, 0, 1) : 0;
    choose_size(&layer.problem, 0, random_int(random, 1, 3), random);
    choose_size(&layer.problem, 1, columns, random);
    layer_make(&layer, random);
    return layer;
}

/* ---- which of its forms a grouped convolution had ---- */

static const char *const input_forms[] = {"channel blocks", "turned at once", "turned row by row"};
static const char *const output_forms[] = {"channel blocks", "turned back at once", "turned back row by row"};
static int runs[2][3][3]; /* a slot for every row, or for those that are met; input; output */

static void count_form(const struct forced_layer *layer, const struct grouped_rows *rows) {
    const int input = !layer->plain_input ? 0 : rows->turned ? 1 : 2;
    const int output = !layer->plain_output ? 0 : rows->made > rows->columns ? 1 : 2;
    runs[rows->whole][input][output]++;
}

/* ---- a layer ---- */

static void check(struct forced_layer *layer, const struct conv_algorithm *algorithm, int columns,
                  struct random *random) {
    struct node_call call;
    struct forced_input x = layer_input(layer, random);
    char what[512];
    double range;
    size_t count;
    layer->kernels.forced = &layer->forced; /* it has moved */
    layer_describe(layer, what);
    if (layer_prepare(&call, layer, x.read, 1, NULL) != STATUS_OK)
        fail_msg("seed %llu: %s: %s", (unsigned long long)test_seed(), call.err.message, what);
    const struct blocked_state *state = call.call.state;
    assert_ptr_equal(state->phases[0].algorithm, algorithm);
    assert_int_equal(state->phases[0].geometry.axis[2].positions, columns);
    if (algorithm == &grouped_algorithm)
        count_form(layer, &state->phases[0].rows);
    node_call_run(&call);
    float *y = layer_take(&call, layer, &count);
    double *expected = layer_reference(layer, x.wide, &range), *sizes = layer_magnitudes(layer, x.wide);
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)y[i] - expected[i]) <= BOUND * (sizes[i] + 0.3)))
            fail_msg("seed %llu: number %zu of column %zu is %g, expected %g: %s", (unsigned long long)test_seed(), i,
                     i % (size_t)columns, (double)y[i], expected[i], what);
    free(y);
    free(expected);
    free(sizes);
    node_call_close(&call);
    layer_input_free(&x);
}

static void test_grouped(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 97);
    for (int columns = 1; columns <= MOST_COLUMNS; columns++)
        for (int width = 1; width <= MOST_WIDTH; width++)
            for (int step = 0; step < 4; step++) {
                if (test_cases(100) < random_int(&random, 1, 100))
                    continue;
                struct forced_layer layer = make(columns, width, step, &random);
                check(&layer, &grouped_algorithm, columns, &random);
                layer_free(&layer);
            }
}

/* Of the layers before. */
static void test_forms(void **unused) {
    (void)unused;
    int empty = 0;
    for (int whole = 0; whole < 2; whole++)
        for (int i = 0; i < 9; i++) {
            const int count = runs[whole][i / 3][i % 3];
            printf("%4d of %s: input in %s, output in %s\n", count, whole ? "a whole picture" : "rows in slots",
                   input_forms[i / 3], output_forms[i % 3]);
            empty += count == 0;
        }
    if (empty && test_cases(100) >= 100)
        fail_msg("%d forms were never run (seed %llu)", empty, (unsigned long long)test_seed());
}

static void test_planes(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 99);
    for (int columns = 1; columns <= MOST_PLANE_COLUMNS; columns++)
        for (int width = 1; width <= MOST_WIDTH; width++) {
            if (test_cases(100) < random_int(&random, 1, 100))
                continue;
            struct forced_layer layer = make_planes(columns, width, &random);
            check(&layer, &planes_algorithm, columns, &random);
            layer_free(&layer);
        }
}

static void test_few_outputs(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 98);
    for (int columns = 1; columns <= MOST_FEW_COLUMNS; columns++)
        for (int outputs = 1; outputs <= FEW_OUTPUTS_CHANNELS + 1; outputs++) {
            if (test_cases(100) < random_int(&random, 1, 100))
                continue;
            struct forced_layer layer = make_few(columns, outputs, &random);
            check(&layer, &few_outputs_algorithm, columns, &random);
            layer_free(&layer);
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_grouped), cmocka_unit_test(test_forms),
                                       cmocka_unit_test(test_planes), cmocka_unit_test(test_few_outputs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
