/* float16 and bfloat16: conversions of every level, and models whose operators are computed as float and rounded once
 * each, beside double precision. */
#include "tests/support/builder.h"

#include "base/convert.h"
#include "ops/kernels/families.h"
#include "ops/kernels/half.h"
#include "runtime/passes/pass.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- conversions ---- */

static void check_loops(const struct half_loops *loops, enum dtype half, const float *floats, size_t count) {
    uint16_t narrow[64], expected[64];
    float round[64], back[64];
    half_from_float(half, floats, expected, count);
    half_to_float(half, expected, back, count);
    loops->narrow(floats, narrow, count);
    loops->round(floats, round, count);
    assert_memory_equal(narrow, expected, count * sizeof *narrow);
    assert_memory_equal(round, back, count * sizeof *back);
    loops->widen(expected, round, count);
    assert_memory_equal(round, back, count * sizeof *back);
}

/* Around every half: it itself, what lies between it and the next one, and their neighbours. */
static void loops_round_as_base_does(void **state) {
    (void)state;
    const struct half_kernel *kernel = half_kernel_of(test_kernels());
    struct random random = random_from(test_seed());
    float floats[64];
    if (!kernel->float16.widen)
        return;
    for (uint32_t high = 0; high < 0x10000; high += 4) {
        const size_t count = (size_t)random_int(&random, 1, 64);
        for (size_t i = 0; i < count; i++) {
            const uint32_t low[] = {0,      1,      0x7fff, 0x8000,
                                    0x8001, 0xffff, 0x1000, (uint32_t)random_next(&random) & 0xffff};
            uint32_t bits = (high + (uint32_t)i / 8) << 16 | low[i % 8];
            if ((bits & 0x7fffffff) > 0x7f800000) /* not a number: one that has its bits above */
                bits |= 0x400000;
            memcpy(&floats[i], &bits, sizeof bits);
        }
        check_loops(&kernel->float16, DTYPE_FLOAT16, floats, count);
        check_loops(&kernel->bfloat16, DTYPE_BFLOAT16, floats, count);
    }
}

/* ---- models ---- */

struct reference {
    enum dtype half;
    double *x, *weights, *y;
    int height, width;
};
#define CHANNELS 16

static double rounded(enum dtype half, double value) {
    uint16_t bits;
    float back;
    half_from_double(half, &value, &bits, 1);
    half_to_float(half, &bits, &back, 1);
    return back;
}

/* A half tensor and the same numbers as doubles. */
static struct tensor *random_half(enum dtype half, struct random *random, double **values, int n, int c, int h, int w) {
    struct tensor *tensor = test_tensor(half, 4, n, c, h, w);
    const size_t count = (size_t)tensor_elements(tensor);
    *values = malloc(count * sizeof **values);
    for (size_t i = 0; i < count; i++) {
        const double value = random_float(random);
        half_from_double(half, &value, (uint16_t *)tensor->data + i, 1);
        (*values)[i] = rounded(half, value);
    }
    return tensor;
}

/* Conv 3x3 with a border of 1, rounded; leaky Relu, rounded; the input added, rounded. */
static void compute(const struct reference *r) {
    for (int o = 0; o < CHANNELS; o++)
        for (int i = 0; i < r->height * r->width; i++) {
            const int y = i / r->width, x = i % r->width;
            double sum = 0;
            for (int k = 0; k < CHANNELS * 9; k++) {
                const int yy = y + k % 9 / 3 - 1, xx = x + k % 3 - 1;
                if (yy >= 0 && yy < r->height && xx >= 0 && xx < r->width)
                    sum += r->weights[o * CHANNELS * 9 + k] * r->x[(k / 9 * r->height + yy) * r->width + xx];
            }
            sum = rounded(r->half, sum);
            sum = rounded(r->half, sum < 0 ? 0.3f * sum : sum);
            r->y[o * r->height * r->width + i] = rounded(r->half, sum + r->x[o * r->height * r->width + i]);
        }
}

static void build_layers(struct builder *b, const char *x, const char *y) {
    char inputs[64];
    snprintf(inputs, sizeof inputs, "%s w", x);
    build_node(b, "Conv", inputs, "c");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_node(b, "LeakyRelu", "c", "l");
    build_attribute_float(b, "alpha", 0.3f);
    snprintf(inputs, sizeof inputs, "l %s", x);
    build_node(b, "Add", inputs, y);
}

/* The layers in a branch of an If, whose condition is not known before the run. */
static void build_branches(struct builder *b) {
    struct builder then_body = build_body(b), else_body = build_body(b);
    build_captured(&then_body, "x w");
    build_layers(&then_body, "x", "t");
    build_output(&then_body, "t");
    build_captured(&else_body, "x");
    build_node(&else_body, "Neg", "x", "e");
    build_output(&else_body, "e");
    build_node(b, "If", "choice", "chosen");
    build_attribute_graph(b, "then_branch", &then_body);
    build_attribute_graph(b, "else_branch", &else_body);
    build_node(b, "Identity", "chosen", "y");
}

/* The largest difference is a unit in the last place of the largest number or two: sums may round the other way. */
static void check_result(const struct reference *r, const limner_tensor *output) {
    const double step = r->half == DTYPE_FLOAT16 ? 0x1p-10 : 0x1p-7;
    assert_int_equal(output->type, r->half);
    int different = 0;
    for (int i = 0; i < CHANNELS * r->height * r->width; i++) {
        float y;
        half_to_float(r->half, (const uint16_t *)output->data + i, &y, 1);
        different += (double)y != r->y[i];
        if (!(fabs((double)y - r->y[i]) <= 2 * step * fmax(1, fabs(r->y[i]))))
            fail_msg("seed %llu: element %d is %g, expected %g", (unsigned long long)test_seed(), i, (double)y,
                     r->y[i]);
    }
    assert_true(different <= CHANNELS * r->height * r->width / 20); /* rounding once is seen in nearly all */
}

static void run_layers(struct random *random, enum dtype half, bool branches, unsigned passes_off) {
    struct reference r = {
        .half = half, .height = (int)random_int(random, 1, 9), .width = (int)random_int(random, 1, 9)};
    struct builder b = build_start(17);
    struct tensor *x = random_half(half, random, &r.x, 1, CHANNELS, r.height, r.width);
    struct tensor *w = random_half(half, random, &r.weights, CHANNELS, CHANNELS, 3, 3),
                  *choice = test_tensor(DTYPE_BOOL, 0);
    r.y = malloc((size_t)tensor_elements(x) * sizeof *r.y);
    *(bool *)choice->data = true;
    compute(&r);
    build_input(&b, "x", half, "1 16 ? ?");
    build_constant(&b, "w", w);
    if (branches) {
        build_input(&b, "choice", DTYPE_BOOL, "");
        build_branches(&b);
    } else {
        build_layers(&b, "x", "y");
    }
    build_output(&b, "y");
    limner_model *model = build_model(&b, passes_off);
    limner_session *session = open_session(model, NULL);
    const limner_tensor inputs[] = {as_input("x", x), as_input("choice", choice)};
    limner_tensor output = {.name = "y"};
    run_model(session, inputs, branches ? 2 : 1, &output, 1);
    check_result(&r, &output);
    limner_session_close(session);
    limner_model_close(model);
    test_tensor_free(x);
    test_tensor_free(w);
    test_tensor_free(choice);
    free(r.x);
    free(r.weights);
    free(r.y);
}

static void layers_are_rounded_one_by_one(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(12); i++)
        run_layers(&random, i % 2 ? DTYPE_FLOAT16 : DTYPE_BFLOAT16, i % 3 == 0, i % 4 == 0 ? PASS_ALL : 0);
}

/* What the specification takes as float alone stays so. */
static void other_types_are_refused(void **state) {
    (void)state;
    struct builder b = build_start(17);
    limner_error error;
    build_input(&b, "x", DTYPE_INT32, "1 16 8 8");
    build_input(&b, "w", DTYPE_INT32, "16 16 3 3");
    build_node(&b, "Conv", "x w", "y");
    build_output(&b, "y");
    assert_int_equal(build_failing(&b, &error), LIMNER_UNSUPPORTED);
    assert_non_null(strstr(error.message, "int32, supported: "));
    assert_non_null(strstr(error.message, "float16"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(loops_round_as_base_does),
                                       cmocka_unit_test(layers_are_rounded_one_by_one),
                                       cmocka_unit_test(other_types_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
