/* Minimal filtering against direct sums: every kind, dilations, strides, transposed phases, odd sizes, tails. */
#include "tests/support.h"

#include "ops/conv.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 300

struct filter_case {
    const char *op;
    int64_t kernel[2], stride[2], dilation[2], pads[4], output_padding[2];
    bool transposed;
};

static struct filter_case random_case(struct random *random) {
    struct filter_case c = {.transposed = random_int(random, 0, 1)};
    c.op = c.transposed ? "ConvTranspose" : "Conv";
    for (int d = 0; d < 2; d++) {
        c.stride[d] = random_int(random, 1, 2);
        c.dilation[d] = c.stride[d] == 1 ? random_int(random, 1, 2) : 1;
        c.kernel[d] = c.stride[d] == 2 && !c.transposed ? 2 * random_int(random, 1, 3) : random_int(random, 1, c.transposed ? 6 : 3);
        c.output_padding[d] = c.transposed ? random_int(random, 0, c.stride[d] - 1) : 0;
        c.pads[d] = random_int(random, 0, c.kernel[d] - 1);
        c.pads[2 + d] = random_int(random, 0, c.kernel[d] - 1);
    }
    return c;
}

static void make_node(struct test_node *node, const struct filter_case *c, bool bias) {
    test_node_init(node, c->op, bias ? 3 : 2, 1);
    test_node_ints(node, "strides", c->stride, 2);
    test_node_ints(node, "dilations", c->dilation, 2);
    test_node_ints(node, "pads", c->pads, 4);
    if (c->transposed)
        test_node_ints(node, "output_padding", c->output_padding, 2);
}

/* The same node by direct sums: kernels without minimal filtering. */
static void check_case(const struct filter_case *c, struct random *random, int number) {
    const int in_channels = (int)random_int(random, 8, 40), out_channels = (int)random_int(random, 8, 40);
    const int height = (int)random_int(random, 7, 45), width = (int)random_int(random, 7, 45);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, (int)random_int(random, 1, 2), in_channels, height, width);
    struct tensor *w = test_tensor(DTYPE_FLOAT, 4, c->transposed ? in_channels : out_channels,
                                   c->transposed ? out_channels : in_channels, (int)c->kernel[0], (int)c->kernel[1]);
    struct tensor *b = test_tensor(DTYPE_FLOAT, 1, out_channels);
    test_fill(x, random);
    test_fill(w, random);
    test_fill(b, random);
    const struct tensor *inputs[] = {x, w, b};
    struct tensor fast, exact, *fast_list[] = {&fast}, *exact_list[] = {&exact};
    struct test_node node;
    struct error err = {0};
    char what[128];
    snprintf(what, sizeof what, "%s case %d: kernel %dx%d, stride %d %d, dilation %d %d, %dx%d", c->op, number,
             (int)c->kernel[0], (int)c->kernel[1], (int)c->stride[0], (int)c->stride[1], (int)c->dilation[0],
             (int)c->dilation[1], height, width);
    make_node(&node, c, random_int(random, 0, 1));
    const struct kernels *direct = kernels_exact(test_kernels()->level);
    if (op_evaluate(&node.node, 11, inputs, exact_list, direct, 1, SIZE_MAX, &err) == STATUS_OK) {
        test_evaluate(&node, 11, inputs, fast_list);
        double *expected = calloc((size_t)tensor_elements(&exact) + 1, sizeof *expected);
        assert_non_null(expected);
        for (int64_t i = 0; i < tensor_elements(&exact); i++)
            expected[i] = ((float *)exact.data)[i];
        test_close(fast.data, expected, (size_t)tensor_elements(&fast), 1e-4, 1e-3, what);
        free(expected);
        free(fast.data);
        free(exact.data);
    } else if (err.code != STATUS_SHAPE) {
        fail_msg("%s: %s", what, err.message);
    }
    test_tensor_free(x);
    test_tensor_free(w);
    test_tensor_free(b);
}

static void test_against_direct(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 51);
    for (int i = 0; i < test_cases(CASES); i++) {
        const struct filter_case c = random_case(&random);
        check_case(&c, &random, i);
    }
}

/* How many phases of a window go to minimal filtering. */
static int64_t filtered_phases(const struct window *window, bool transposed) {
    struct conv_state state = {.window = *window, .transposed = transposed};
    struct error err;
    assert_int_equal(conv_make_phases(&state, kernels_get(CPU_PORTABLE), &err), STATUS_OK);
    int64_t filtered = 0;
    for (int64_t i = 0; i < state.phase_count; i++)
        filtered += state.phases[i].algorithm == CONV_FILTER;
    free(state.phases);
    return filtered;
}

static struct window square_window(int64_t channels, int64_t size, int64_t out, int64_t kernel, int64_t stride,
                                   int64_t dilation) {
    const struct window_axis none = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const struct window_axis axis = {.in = size, .out = out, .kernel = kernel, .stride = stride, .dilation = dilation};
    return (struct window){1, 1, channels, channels, 2, {none, axis, axis}};
}

static void test_choice(void **unused) {
    (void)unused;
    const struct window plain = square_window(64, 66, 64, 3, 1, 1), dilated = square_window(64, 68, 64, 3, 1, 2);
    const struct window strided = square_window(64, 66, 32, 4, 2, 1), up = square_window(64, 32, 66, 4, 2, 1);
    const struct window odd = square_window(64, 66, 32, 3, 2, 1), wide = square_window(64, 66, 60, 7, 1, 1);
    const struct window pointwise = square_window(64, 64, 64, 1, 1, 1), thin = square_window(3, 66, 64, 3, 1, 1);
    assert_int_equal(filtered_phases(&plain, false), 1);
    assert_int_equal(filtered_phases(&dilated, false), 1);
    assert_int_equal(filtered_phases(&strided, false), 1);
    assert_int_equal(filtered_phases(&up, true), 4);
    assert_int_equal(filtered_phases(&odd, false), 0);
    assert_int_equal(filtered_phases(&wide, false), 0);
    assert_int_equal(filtered_phases(&pointwise, false), 0);
    assert_int_equal(filtered_phases(&thin, false), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_direct), cmocka_unit_test(test_choice)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
