/*
 * Convolutions and normalization on channel blocks against the plain operators, whose own reference is the
 * specification (test_conv.c): every algorithm, borders, strides, dilations, groups, plain inputs, few outputs, tails.
 */
#include "tests/support/support.h"

#include "ops/blocked/blocked.h"
#include "ops/blocked/direct.h"
#include "ops/blocked/engine/blocked_plan.h"
#include "ops/blocked/winograd/winograd_algorithm.h"
#include "ops/blocked/winograd/winograd_balance.h"
#include "ops/evaluate.h"
#include "ops/kernels/cpu.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 400
#define NORM_CASES 60

/* One node of the internal domain, with kernels that may lack algorithms. */
static struct tensor evaluate(struct test_node *node, const struct kernels *kernels, int threads,
                              const struct tensor *const *inputs) {
    struct tensor y, *outputs[] = {&y};
    struct error err = {0};
    if (op_evaluate(&node->node, 1, inputs, outputs, kernels, threads, SIZE_MAX, &err) != STATUS_OK)
        fail_msg("%s: %s", node->node.op_type, err.message);
    return y;
}

static struct tensor to_blocks(const struct tensor *x) {
    struct test_node node;
    const struct tensor *inputs[] = {x};
    test_node_init(&node, "Block", 1, 1);
    node.node.domain = "limner";
    test_node_int(&node, "channels", x->shape.dims[1]);
    return evaluate(&node, test_kernels(), 2, inputs);
}

static struct tensor from_blocks(const struct tensor *x, int64_t channels) {
    struct test_node node;
    const struct tensor *inputs[] = {x};
    test_node_init(&node, "Unblock", 1, 1);
    node.node.domain = "limner";
    test_node_int(&node, "channels", channels);
    return evaluate(&node, test_kernels(), 2, inputs);
}

struct conv_case {
    bool transposed, plain_input, plain_output, bias, scale;
    int64_t kernel[2], stride[2], dilation[2], pads[4], output_padding[2], size[2];
    int64_t batch, group, in, out; /* channels of a group */
    const char *border, *activation;
};

static int64_t random_channels(struct random *random, bool whole) {
    return whole ? CHANNEL_BLOCK * random_int(random, 1, 2) : random_int(random, 10, 90);
}

static struct conv_case random_case(struct random *random) {
    static const char *const borders[] = {"constant", "constant", "reflect", "edge"};
    static const char *const activations[] = {"", "", "Relu", "LeakyRelu", "Clip", "Tanh", "Sigmoid", "HardSigmoid"};
    struct conv_case c = {.transposed = random_int(random, 0, 1), .group = 1, .batch = random_int(random, 1, 2)};
    c.plain_input = random_int(random, 0, 4) == 0;
    c.plain_output = random_int(random, 0, 4) == 0;
    if (!c.plain_input && !c.plain_output && random_int(random, 0, 5) == 0)
        c.group = random_int(random, 2, 3);
    c.in = c.plain_input ? random_int(random, 1, 9) : random_channels(random, c.group > 1);
    c.out = c.plain_output ? random_int(random, 1, 7) : random_channels(random, c.group > 1);
    c.border = c.transposed ? "constant" : borders[random_int(random, 0, 3)];
    c.activation = activations[random_int(random, 0, 7)];
    c.bias = random_int(random, 0, 1);
    c.scale = random_int(random, 0, 3) == 0;
    for (int d = 0; d < 2; d++) {
        c.kernel[d] = random_int(random, 1, c.plain_output ? 7 : 5);
        const bool few_outputs = c.plain_output && !c.transposed;
        c.stride[d] = few_outputs && d == 1 && !c.plain_input ? 1 : random_int(random, 1, 3);
        c.dilation[d] = c.stride[d] == 1 || few_outputs ? random_int(random, 1, 3) : 1;
        c.size[d] = random_int(random, 12, 45);
        c.output_padding[d] = c.transposed ? random_int(random, 0, c.stride[d] - 1) : 0;
        c.pads[d] = random_int(random, 0, c.kernel[d] - 1);
        c.pads[2 + d] = random_int(random, 0, c.kernel[d] - 1);
    }
    return c;
}

static void describe(const struct conv_case *c, int number, char text[256]) {
    snprintf(
        text, 256,
        "case %d (seed %llu): %s %lldx%lld, stride %lld,%lld, dilation %lld,%lld, group %lld, %lld to %lld channels, "
        "%lldx%lld, border %s %s",
        number, (unsigned long long)test_seed(), c->transposed ? "ConvTranspose" : "Conv", (long long)c->kernel[0],
        (long long)c->kernel[1], (long long)c->stride[0], (long long)c->stride[1], (long long)c->dilation[0],
        (long long)c->dilation[1], (long long)c->group, (long long)c->in, (long long)c->out, (long long)c->size[0],
        (long long)c->size[1], c->border, c->activation);
}

struct conv_data {
    struct tensor *x, *w, *b, *scale;
};

static struct conv_data make_data(const struct conv_case *c, struct random *random) {
    const int in = (int)(c->in * c->group), out = (int)(c->out * c->group);
    struct conv_data data = {
        .x = test_tensor(DTYPE_FLOAT, 4, (int)c->batch, in, (int)c->size[0], (int)c->size[1]),
        .w = c->transposed ? test_tensor(DTYPE_FLOAT, 4, in, (int)c->out, (int)c->kernel[0], (int)c->kernel[1])
                           : test_tensor(DTYPE_FLOAT, 4, out, (int)c->in, (int)c->kernel[0], (int)c->kernel[1]),
        .b = test_tensor(DTYPE_FLOAT, 1, out),
        .scale = test_tensor(DTYPE_FLOAT, 1, out)};
    test_fill(data.x, random);
    test_fill(data.w, random);
    test_fill(data.b, random);
    test_fill(data.scale, random);
    return data;
}

static void free_data(struct conv_data *data) {
    test_tensor_free(data->x);
    test_tensor_free(data->w);
    test_tensor_free(data->b);
    test_tensor_free(data->scale);
}

static void make_node(struct test_node *node, const char *op_type, const struct conv_case *c, bool merged) {
    static const float params[] = {-0.25f, 0.5f}, slope[] = {0.2f};
    static const int64_t none[4];
    test_node_init(node, op_type, 4, 1);
    node->node.domain = "limner";
    test_node_int(node, "group", c->group);
    test_node_ints(node, "strides", c->stride, 2);
    test_node_ints(node, "dilations", c->dilation, 2);
    test_node_ints(node, "pads", merged ? c->pads : none, 4);
    if (c->transposed)
        test_node_ints(node, "output_padding", c->output_padding, 2);
    if (!*c->activation)
        return;
    test_node_text(node, "activation", c->activation);
    if (strcmp(c->activation, "Clip") == 0)
        test_node_floats(node, "activation_params", params, 2);
    else if (strcmp(c->activation, "LeakyRelu") == 0)
        test_node_floats(node, "activation_params", slope, 1);
}

/* The input with a border that the plain operator does not know. */
static struct tensor pad_input(const struct conv_case *c, const struct tensor *x) {
    struct test_node node;
    struct tensor y, *outputs[] = {&y};
    struct tensor *amounts =
        test_ints(8, (const int64_t[]){0, 0, c->pads[0], c->pads[1], 0, 0, c->pads[2], c->pads[3]});
    const struct tensor *inputs[] = {x, amounts};
    test_node_init(&node, "Pad", 2, 1);
    test_node_text(&node, "mode", c->border);
    test_evaluate(&node, 18, inputs, outputs);
    test_tensor_free(amounts);
    return y;
}

static struct tensor expected_of(const struct conv_case *c, const struct conv_data *data) {
    const bool merged = strcmp(c->border, "constant") == 0;
    struct test_node node;
    struct tensor padded = merged ? *data->x : pad_input(c, data->x);
    const struct tensor *inputs[] = {&padded, data->w, c->bias ? data->b : NULL, c->scale ? data->scale : NULL};
    make_node(&node, c->transposed ? "ConvTranspose" : "Conv", c, merged);
    const struct tensor y = evaluate(&node, test_kernels(), 1, inputs);
    if (!merged)
        free(padded.data);
    return y;
}

static struct tensor actual_of(const struct conv_case *c, const struct conv_data *data, const struct kernels *kernels,
                               int threads) {
    struct test_node node;
    struct tensor blocks = c->plain_input ? *data->x : to_blocks(data->x);
    const struct tensor *inputs[] = {&blocks, data->w, c->bias ? data->b : NULL, c->scale ? data->scale : NULL};
    make_node(&node, c->transposed ? "BlockedConvTranspose" : "BlockedConv", c, true);
    test_node_text(&node, "border", c->border);
    test_node_int(&node, "blocked_input", !c->plain_input);
    test_node_int(&node, "blocked_output", !c->plain_output);
    struct tensor y = evaluate(&node, kernels, threads, inputs);
    if (!c->plain_input)
        free(blocks.data);
    if (c->plain_output)
        return y;
    const struct tensor plain = from_blocks(&y, c->out * c->group);
    free(y.data);
    return plain;
}

static void compare(const struct tensor *actual, const struct tensor *expected, double atol, const char *what) {
    const size_t count = (size_t)tensor_elements(expected);
    if (!shape_equal(&actual->shape, &expected->shape))
        fail_msg("%s: another shape", what);
    double *wide = calloc(count + 1, sizeof *wide);
    assert_non_null(wide);
    for (size_t i = 0; i < count; i++)
        wide[i] = ((const float *)expected->data)[i];
    test_close(actual->data, wide, count, 1e-5, atol, what);
    free(wide);
}

/* A window that fits, and a reflection that has enough to reflect. */
static bool makes_sense(const struct conv_case *c) {
    for (int d = 0; d < 2; d++) {
        const int64_t reach = c->dilation[d] * (c->kernel[d] - 1) + 1;
        if (!c->transposed && c->size[d] + c->pads[d] + c->pads[2 + d] < reach)
            return false;
        if (c->transposed &&
            (c->size[d] - 1) * c->stride[d] + reach + c->output_padding[d] <= c->pads[d] + c->pads[2 + d])
            return false;
    }
    return true;
}

static void test_convolutions(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 61);
    for (int i = 0; i < test_cases(CASES); i++) {
        const struct conv_case c = random_case(&random);
        char what[256];
        if (!makes_sense(&c))
            continue;
        describe(&c, i, what);
        struct conv_data data = make_data(&c, &random);
        struct tensor expected = expected_of(&c, &data);
        struct tensor direct = actual_of(&c, &data, kernels_exact(test_kernels()->level), 1);
        compare(&direct, &expected, 1e-5 + 1e-7 * (double)(c.in * c.kernel[0] * c.kernel[1]), what);
        struct tensor fast = actual_of(&c, &data, test_kernels(), 3);
        compare(&fast, &expected, 1e-3, what);
        free(expected.data);
        free(direct.data);
        free(fast.data);
        free_data(&data);
    }
}

/* WINOGRAD_IN_KERNEL weights, over several k-slices. */
static void test_many_weights(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 64);
    for (int i = 0; i < test_cases(6); i++) {
        struct conv_case c = {.transposed = i % 2 == 0,
                              .kernel = {3 + i / 4, 3},
                              .stride = {2, 2},
                              .dilation = {1, 1},
                              .pads = {1, 1, 1, 1},
                              .output_padding = {i % 2 == 0, 0},
                              .size = {random_int(&random, 9, 20), random_int(&random, 9, 20)},
                              .batch = 1,
                              .group = 1,
                              .in = random_int(&random, 1300, 1500),
                              .out = random_int(&random, 300, 400),
                              .border = "constant",
                              .activation = "LeakyRelu",
                              .bias = true};
        char what[256];
        describe(&c, i, what);
        struct conv_data data = make_data(&c, &random);
        struct tensor expected = expected_of(&c, &data), fast = actual_of(&c, &data, test_kernels(), 2);
        compare(&fast, &expected, 1e-2, what);
        free(expected.data);
        free(fast.data);
        free_data(&data);
    }
}

/* WINOGRAD_PER_PANEL weights, for the tiles of all grids. */
static void test_many_weights_and_tiles(void **unused) {
    (void)unused;
    static const struct conv_case cases[] = {
        {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .pads = {1, 1, 1, 1}, .in = 240, .out = 250},
        {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {2, 2}, .pads = {2, 2, 2, 2}, .in = 250, .out = 240},
        {.kernel = {4, 4}, .stride = {2, 2}, .dilation = {1, 1}, .pads = {1, 1, 1, 1}, .in = 150, .out = 150},
        {.transposed = true, .kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .in = 240, .out = 244},
        {.kernel = {3, 3},
         .stride = {2, 2},
         .dilation = {1, 1},
         .pads = {1, 1, 1, 1},
         .in = 128,
         .out = 256,
         .size = {128, 128}},
        {.kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .in = 96, .out = 250, .size = {127, 115}},
        /* Grids with so many tiles that threads share a wave; some grids have a row of tiles less. */
        {.kernel = {3, 3},
         .stride = {1, 1},
         .dilation = {2, 2},
         .pads = {2, 2, 2, 2},
         .in = 256,
         .out = 240,
         .size = {73, 80}},
    };
    struct random random = random_from(test_seed() + 65);
    const int count = sizeof cases / sizeof cases[0], first = random_int(&random, 0, count - 1);
    for (int k = 0; k < test_cases(count); k++) {
        const int i = (first + k) % count;
        struct conv_case c = cases[i];
        for (int d = 0; d < 2; d++)
            c.size[d] = c.size[d] ? c.size[d] : c.stride[d] * random_int(&random, 58, 75);
        c.group = c.batch = 1;
        c.border = "constant";
        c.activation = "Relu";
        c.bias = true;
        char what[256];
        describe(&c, i, what);
        struct conv_data data = make_data(&c, &random);
        struct tensor expected = expected_of(&c, &data), one = actual_of(&c, &data, test_kernels(), 1);
        compare(&one, &expected, 1e-2, what);
        for (int threads = 2; threads < 4; threads++) {
            struct tensor same = actual_of(&c, &data, test_kernels(), threads);
            if (memcmp(one.data, same.data, one.bytes) != 0)
                fail_msg("%s: other bits with %d threads", what, threads);
            free(same.data);
        }
        free(expected.data);
        free(one.data);
        free_data(&data);
    }
}

/* Small images with WINOGRAD_IN_KERNEL weights, of which a wave has several; the last wave has fewer. */
static void test_batch_in_waves(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 66);
    struct conv_case c = {.transposed = true,
                          .kernel = {3, 3},
                          .stride = {2, 2},
                          .dilation = {1, 1},
                          .pads = {1, 1, 1, 1},
                          .output_padding = {1, 1},
                          .size = {16, 16},
                          .batch = 11,
                          .group = 1,
                          .in = 1024,
                          .out = 320,
                          .border = "constant",
                          .activation = "LeakyRelu",
                          .bias = true};
    struct conv_data data = make_data(&c, &random);
    struct tensor expected = expected_of(&c, &data);
    for (int threads = 1; threads < 4; threads++) {
        c.batch = 11;
        struct tensor all = actual_of(&c, &data, test_kernels(), threads);
        compare(&all, &expected, 1e-2, "eleven batch rows");
        struct tensor row = *data.x;
        row.shape.dims[0] = c.batch = 1;
        row.bytes /= 11;
        for (int i = 0; i < 11; i += 5) {
            row.data = (char *)data.x->data + (size_t)i * row.bytes;
            struct conv_data alone = {&row, data.w, data.b, data.scale};
            struct tensor one = actual_of(&c, &alone, test_kernels(), 1);
            if (memcmp((char *)all.data + (size_t)i * one.bytes, one.data, one.bytes) != 0)
                fail_msg("row %d of a batch has other bits with %d threads", i, threads);
            free(one.data);
        }
        free(all.data);
    }
    free(expected.data);
    free_data(&data);
}

/* Deep and wide enough for several k-blocks and macro tiles; threads and batch rows change no bit. */
static void test_same_bits(void **unused) {
    (void)unused;
    static const struct conv_case cases[] = {
        {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {1, 1}, .in = 160, .out = 100},
        {.kernel = {4, 4}, .stride = {2, 2}, .dilation = {1, 1}, .in = 150, .out = 80},
        {.kernel = {3, 3}, .stride = {1, 1}, .dilation = {2, 2}, .in = 70, .out = 300},
        {.transposed = true, .kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .in = 1100, .out = 70},
        {.transposed = true, .kernel = {3, 3}, .stride = {2, 2}, .dilation = {1, 1}, .in = 1100, .out = 160},
        {.kernel = {5, 5}, .stride = {1, 1}, .dilation = {1, 1}, .in = 64, .out = 64},
        {.plain_input = true, .kernel = {7, 7}, .stride = {1, 1}, .dilation = {1, 1}, .in = 4, .out = 64},
        {.plain_output = true, .kernel = {7, 7}, .stride = {1, 1}, .dilation = {1, 1}, .in = 64, .out = 3},
        {.plain_output = true, .kernel = {3, 5}, .stride = {1, 1}, .dilation = {1, 1}, .in = 64, .out = 1},
        {.plain_output = true,
         .transposed = true,
         .kernel = {4, 4},
         .stride = {2, 2},
         .dilation = {1, 1},
         .in = 70,
         .out = 1},
    };
    struct random random = random_from(test_seed() + 62);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct conv_case c = cases[i];
        c.size[0] = 23;
        c.size[1] = 37;
        c.group = c.batch = 1;
        c.border = "constant";
        c.activation = "";
        struct conv_data one = make_data(&c, &random);
        c.batch = 3;
        struct conv_data three = make_data(&c, &random);
        for (int row = 0; row < 3; row++)
            memcpy((char *)three.x->data + (size_t)row * one.x->bytes, one.x->data, one.x->bytes);
        struct conv_data many = {three.x, one.w, one.b, one.scale};
        c.batch = 1;
        struct tensor a = actual_of(&c, &one, test_kernels(), 1);
        c.batch = 3;
        for (int threads = 1; threads < 5; threads++) {
            struct tensor b = actual_of(&c, &many, test_kernels(), threads);
            for (int row = 0; row < 3; row++)
                if (memcmp((char *)b.data + (size_t)row * a.bytes, a.data, a.bytes) != 0)
                    fail_msg("case %zu: other bits with %d threads in batch row %d", i, threads, row);
            free(b.data);
        }
        free(a.data);
        free_data(&one);
        free_data(&three);
    }
}

/* A phase of a window on channel blocks, as it is planned. */
static struct blocked_phase phase_for(struct window window, bool transposed, const struct kernels *kernels,
                                      int number) {
    struct blocked_state state = {.window = window, .transposed = transposed, .from_blocks = true, .to_blocks = true};
    struct error err;
    assert_int_equal(blocked_plan(&state, kernels, 1, &err), STATUS_OK);
    const struct blocked_phase phase = state.phases[number];
    free(state.phases);
    return phase;
}

static const struct conv_algorithm *algorithm_for(struct window window, bool transposed,
                                                  const struct kernels *kernels) {
    return phase_for(window, transposed, kernels, 0).algorithm;
}

static struct window square_window(int64_t channels, int64_t size, int64_t out, int64_t kernel, int64_t stride,
                                   int64_t dilation) {
    const struct window_axis none = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1};
    const struct window_axis axis = {.in = size, .out = out, .kernel = kernel, .stride = stride, .dilation = dilation};
    return (struct window){.batch = 1,
                           .group = 1,
                           .in_channels = channels,
                           .out_channels = channels,
                           .spatial = 2,
                           .axis = {none, axis, axis}};
}

static void test_choice(void **unused) {
    (void)unused;
    const struct kernels *kernels = test_kernels(), *exact = kernels_exact(kernels->level);
    const struct window plain = square_window(64, 66, 64, 3, 1, 1), dilated = square_window(64, 68, 64, 3, 1, 2);
    const struct window strided = square_window(64, 66, 32, 4, 2, 1), up = square_window(64, 32, 66, 4, 2, 1);
    const struct window wide = square_window(64, 66, 60, 7, 1, 1), pointwise = square_window(64, 64, 64, 1, 1, 1);
    assert_ptr_equal(algorithm_for(plain, false, kernels), &winograd_algorithm);
    assert_ptr_equal(algorithm_for(dilated, false, kernels), &winograd_algorithm);
    assert_ptr_equal(algorithm_for(strided, false, kernels), &winograd_algorithm);
    assert_ptr_equal(algorithm_for(up, true, kernels), &winograd_algorithm);
    assert_ptr_equal(algorithm_for(wide, false, kernels), &direct_algorithm);
    assert_ptr_equal(algorithm_for(pointwise, false, kernels), &direct_algorithm);
    assert_ptr_equal(algorithm_for(plain, false, exact), &direct_algorithm);
    struct window deep = square_window(1024, 16, 32, 3, 2, 1);
    deep.out_channels = 320;
    const struct blocked_phase in_kernel = phase_for(deep, true, kernels, 0),
                               transformed = phase_for(up, true, kernels, 0);
    assert_int_equal(in_kernel.grids[0].weights, WINOGRAD_IN_KERNEL);
    assert_int_equal(in_kernel.grids[0].axis[0].kind, WINOGRAD_8_2);
    assert_int_equal(in_kernel.grids[0].axis[1].kind, WINOGRAD_4_2);
    assert_true(in_kernel.grids[0].tiling.k_slice < in_kernel.grids[0].tiling.depth);
    assert_int_equal(in_kernel.floats,
                     4 * deep.in_channels * deep.out_channels + deep.out_channels / CHANNEL_BLOCK * WINOGRAD_BALANCE);
    assert_int_equal(transformed.grids[0].weights, WINOGRAD_TRANSFORMED);
    const struct blocked_phase eight = phase_for(square_window(128, 64, 128, 3, 2, 1), true, kernels, 1);
    assert_int_equal(eight.grids[0].axis[0].kind, WINOGRAD_8_2);
    assert_int_equal(eight.grids[0].axis[1].kind, WINOGRAD_ONE);
    const struct blocked_phase strided_3 = phase_for(square_window(128, 64, 32, 3, 2, 1), false, kernels, 0);
    assert_int_equal(strided_3.grids[0].axis[0].kind, WINOGRAD_4_3_STRIDE_2);
    assert_int_equal(strided_3.floats,
                     36 * 128 * 128 + 8 * WINOGRAD_BALANCE); /* the elements of an inner tap have one weight */
    /* Phases are WINOGRAD_TRANSFORMED together. */
    struct window alike = square_window(256, 64, 128, 3, 2, 1), alone = square_window(256, 64, 130, 4, 2, 1);
    alike.out_channels = alone.out_channels = 128;
    assert_int_equal(phase_for(alike, true, kernels, 0).grids[0].weights, WINOGRAD_TRANSFORMED);
    assert_int_equal(phase_for(alone, true, kernels, 0).grids[0].weights, WINOGRAD_PER_PANEL);
    deep.batch = 11;
    const struct blocked_phase batch = phase_for(deep, true, kernels, 0);
    assert_true(batch.grids[0].tiling.images > 1);
    const struct blocked_phase panels = phase_for(square_window(256, 68, 64, 3, 1, 2), false, kernels, 0);
    assert_int_equal(panels.grids[0].weights, WINOGRAD_PER_PANEL);
    assert_int_equal(panels.grid_count, 4);
    assert_int_equal(panels.grids[0].tiling.grids, 4);
    assert_int_equal(panels.floats, 9 * 256 * 256 + 16 * WINOGRAD_BALANCE);
}

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
        compare(&actual, &expected, shift != 0 ? 1e-3 : 1e-5, "BlockedInstanceNormalization");
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
    compare(&actual, &expected, 1e-3, "BlockedInstanceNormalization of large planes");
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

/* ---- the kernel's contract ---- */

static float *random_floats(size_t count, struct random *random) {
    float *data = aligned_alloc(64, sizeof(float) * count);
    assert_non_null(data);
    for (size_t i = 0; i < count; i++)
        data[i] = random_float(random);
    return data;
}

/* Sums of every size of a register tile against doubles; nothing else is written. */
static void test_tiles(void **unused) {
    (void)unused;
    const struct block_kernel *kernel = test_kernels()->block;
    struct random random = random_from(test_seed() + 64);
    enum { ENTRIES = 3, BLOCKS = 2, LENGTH = 16, DEPTH = ENTRIES * BLOCKS * LENGTH, ROOM = 20 };
    float *data = random_floats(4096, &random), *weights = random_floats(DEPTH * 64, &random);
    float c[ROOM * 64], old[ROOM * 64];
    for (int i = 0; i < ROOM * 64; i++)
        old[i] = random_float(&random);
    for (int blocks = 1; blocks <= kernel->blocks; blocks++)
        for (int wanted = 1; wanted <= kernel->pixels[blocks]; wanted++) {
            const int pixels = kernel->round(wanted, blocks), lanes = blocks * CHANNEL_BLOCK;
            assert_true(pixels >= wanted && pixels <= kernel->pixels[blocks]);
            struct block_pixel list[ENTRIES * BLOCK_PIXELS];
            for (int i = 0; i < ENTRIES * BLOCK_PIXELS; i++)
                list[i] = (struct block_pixel){data + random_int(&random, 0, 2000), random_int(&random, 0, 1000)};
            const int length = wanted % 2 ? LENGTH : 5; /* of channel blocks, and of plain inputs */
            const struct block_source source = {.entries = ENTRIES, .blocks = BLOCKS, .length = length, .pixels = list};
            const bool first = random_int(&random, 0, 1);
            memcpy(c, old, sizeof c);
            kernel->tile(pixels, blocks, &source, weights, first, c, (size_t)lanes, CHANNEL_BLOCK);
            kernel->tile(pixels, blocks, &source, weights, false, c, (size_t)lanes, CHANNEL_BLOCK);
            for (int i = 0; i < pixels; i++)
                for (int lane = 0; lane < lanes; lane++) {
                    double sum = 0;
                    for (int k = 0; k < ENTRIES * BLOCKS * length; k++) {
                        const struct block_pixel *p = &list[k / (BLOCKS * length) * BLOCK_PIXELS + i];
                        sum += (double)p->data[k / length % BLOCKS * p->step + k % length] * weights[k * lanes + lane];
                    }
                    const double expected = 2 * sum + (first ? 0 : old[i * lanes + lane]);
                    if (fabs(c[i * lanes + lane] - expected) > 1e-4)
                        fail_msg("%s: %d pixels by %d blocks: sum %d,%d is %g, expected %g", kernel->name, pixels,
                                 blocks, i, lane, c[i * lanes + lane], expected);
                }
            assert_memory_equal(c + pixels * lanes, old + pixels * lanes,
                                sizeof c - (size_t)(pixels * lanes) * sizeof *c);
        }
    free(data);
    free(weights);
}

/* Contiguous tiles have the bits of indirect ones; differences are computed along with them. */
static void test_rows(void **unused) {
    (void)unused;
    const struct block_kernel *kernel = test_kernels()->block;
    struct random random = random_from(test_seed() + 65);
    enum { BLOCKS = 11, STEP = 400, ROOM = 20, FLOATS = BLOCKS * STEP, LANES = 64 };
    float *data = random_floats(FLOATS, &random);
    float *weights = random_floats(BLOCKS * 2 * CHANNEL_BLOCK * LANES, &random);
    float expected[ROOM * LANES], c[ROOM * LANES], formed[32 * LANES];
    for (int blocks = 1; blocks <= kernel->blocks; blocks++)
        for (int wanted = 1; wanted <= kernel->pixels[blocks]; wanted++) {
            const int pixels = kernel->round(wanted, blocks), lanes = blocks * CHANNEL_BLOCK;
            const int64_t skip = CHANNEL_BLOCK * lanes * random_int(&random, 0, 1);
            const bool first = random_int(&random, 0, 1), scaled = random_int(&random, 0, 1);
            struct block_pixel list[BLOCK_PIXELS];
            for (int i = 0; i < BLOCK_PIXELS; i++)
                list[i] = (struct block_pixel){data + i * CHANNEL_BLOCK, STEP};
            const struct block_source source = {
                .entries = 1, .blocks = BLOCKS, .length = CHANNEL_BLOCK, .pixels = list, .weight_skip = skip};
            struct block_row row = {.pixels = data, .step = STEP, .blocks = BLOCKS, .weight_skip = skip};
            if (blocks == kernel->blocks)
                row.forming = (struct block_forming){data, data + 7, scaled ? data + 9 : NULL, formed, 24};
            for (int i = 0; i < ROOM * LANES; i++)
                c[i] = expected[i] = random_float(&random);
            kernel->tile(pixels, blocks, &source, weights, first, expected, (size_t)lanes, CHANNEL_BLOCK);
            kernel->row(pixels, blocks, &row, weights, first, c, (size_t)lanes, CHANNEL_BLOCK);
            assert_memory_equal(c, expected, sizeof c);
            for (int i = 0; i < row.forming.depths * lanes; i++) {
                const double factor = scaled ? data[9 + i % lanes] : 1;
                assert_true(fabs(formed[i] - (data[i] - factor * data[7 + i])) < 1e-6);
            }
        }
    free(data);
    free(weights);
}

/* Two-term weights have the bits of weights that were summed up before. */
static void test_two_term(void **unused) {
    (void)unused;
    const struct block_kernel *kernel = test_kernels()->block;
    struct random random = random_from(test_seed() + 67);
    enum {
        BLOCKS = 19,
        STEP = 400,
        ROOM = 20,
        LANES = TWO_TERM_BLOCKS * CHANNEL_BLOCK,
        FLOATS = BLOCKS * 3 * CHANNEL_BLOCK * LANES
    };
    float *data = random_floats(BLOCKS * STEP, &random), *first = random_floats(FLOATS, &random);
    float *second = random_floats(FLOATS, &random), *sums = random_floats(FLOATS, &random);
    float expected[ROOM * LANES], c[ROOM * LANES];
    for (int blocks = 1; blocks <= TWO_TERM_BLOCKS && blocks <= kernel->blocks; blocks++)
        for (int wanted = 1; wanted <= kernel->pixels[blocks]; wanted++) {
            const int pixels = kernel->round(wanted, blocks), lanes = blocks * CHANNEL_BLOCK;
            struct block_row row = {.pixels = data,
                                    .step = STEP,
                                    .blocks = (int)random_int(&random, 1, BLOCKS),
                                    .weight_skip = CHANNEL_BLOCK * lanes * random_int(&random, 0, 2),
                                    .factor = (float)random_int(&random, -3, 3) / 2};
            row.factor = row.factor == 0 ? random_float(&random) : row.factor;
            const bool fresh = random_int(&random, 0, 1);
            for (int i = 0; i < FLOATS; i++) /* rounded as the kernel does it, once or twice */
                sums[i] = fabsf(row.factor) == 0.5f               ? 2 * first[i] + 2 * row.factor * second[i]
                          : test_kernels()->level == CPU_PORTABLE ? first[i] + row.factor * second[i]
                                                                  : fmaf(row.factor, second[i], first[i]);
            for (int i = 0; i < ROOM * LANES; i++)
                c[i] = expected[i] = random_float(&random);
            kernel->row(pixels, blocks, &row, sums, fresh, expected, (size_t)lanes, CHANNEL_BLOCK);
            row.second = second;
            row.ahead = first;
            row.ahead_lines = 2;
            kernel->row(pixels, blocks, &row, first, fresh, c, (size_t)lanes, CHANNEL_BLOCK);
            assert_memory_equal(c, expected, sizeof c);
        }
    free(data);
    free(first);
    free(second);
    free(sums);
}

/* Transformed weights are what the kernel makes of two terms. */
static void test_factors(void **unused) {
    (void)unused;
    const struct winograd_kernel *kernel = test_kernels()->winograd;
    struct random random = random_from(test_seed() + 68);
    float taps[2 * CHANNEL_BLOCK], weights[WINOGRAD_ELEMENTS * CHANNEL_BLOCK];
    for (int i = 0; i < 2 * CHANNEL_BLOCK; i++)
        taps[i] = random_float(&random);
    for (enum winograd_kind kind = WINOGRAD_ONE; kind < WINOGRAD_KINDS; kind++) {
        if (!winograd_two_term(kind))
            continue;
        kernel->weights(kind, WINOGRAD_ONE, taps, weights, CHANNEL_BLOCK);
        for (int i = 0; i < winograd_elements(kind) * CHANNEL_BLOCK; i++) {
            const int element = i / CHANNEL_BLOCK, lane = i % CHANNEL_BLOCK, tap = winograd_pure_tap(kind, element);
            const double a = taps[lane], b = taps[CHANNEL_BLOCK + lane];
            const double factor = tap < 0 ? kernel->factor(kind, element) : 0, size = fabs(factor) == 0.5 ? 2 : 1;
            const double sum = tap == 0 ? a : tap == 1 ? b : (a + factor * b) * size;
            assert_true(fabs(weights[i] - sum) < 1e-6);
        }
    }
}

/* One Winograd tile against direct sums: inputs and weights to elements, products, elements to outputs. */
static void check_winograd(enum winograd_kind y, enum winograd_kind x, struct random *random) {
    const struct winograd_kernel *kernel = test_kernels()->winograd;
    enum { MOST = WINOGRAD_ELEMENTS * WINOGRAD_ELEMENTS * CHANNEL_BLOCK };
    _Alignas(64) float patch[MOST], taps[9 * CHANNEL_BLOCK], elements[MOST], weights[MOST], outputs[MOST];
    const int down = winograd_elements(y), across = winograd_elements(x), columns = winograd_outputs(x);
    for (int i = 0; i < MOST; i++)
        patch[i] = random_float(random);
    for (int i = 0; i < 9 * CHANNEL_BLOCK; i++)
        taps[i] = random_float(random);
    struct winograd_tiles tiles = {.rows = 1,
                                   .count = 1,
                                   .source = patch,
                                   .source_row = (size_t)across * CHANNEL_BLOCK,
                                   .source_column = CHANNEL_BLOCK,
                                   .destination = elements,
                                   .destination_row = (size_t)across * CHANNEL_BLOCK,
                                   .destination_column = CHANNEL_BLOCK};
    kernel->input(y, x, &tiles);
    kernel->weights(y, x, taps, weights, CHANNEL_BLOCK);
    for (int i = 0; i < down * across * CHANNEL_BLOCK; i++) {
        const int element = i / CHANNEL_BLOCK, row = winograd_distinct_element(y, element / across);
        const int place = row * winograd_distinct_elements(x) + winograd_distinct_element(x, element % across);
        elements[i] *= weights[place * CHANNEL_BLOCK + i % CHANNEL_BLOCK];
    }
    tiles.source = elements;
    tiles.destination = outputs;
    tiles.destination_row = (size_t)columns * CHANNEL_BLOCK;
    kernel->output(y, x, &tiles);
    for (int i = 0; i < winograd_outputs(y) * columns * CHANNEL_BLOCK; i++) {
        const int lane = i % CHANNEL_BLOCK, out = i / CHANNEL_BLOCK;
        const int top = out / columns * winograd_advance(y) / winograd_outputs(y);
        const int left = out % columns * winograd_advance(x) / winograd_outputs(x);
        double sum = 0;
        for (int t = 0; t < winograd_taps(y) * winograd_taps(x); t++) {
            const int row = top + t / winograd_taps(x), column = left + t % winograd_taps(x);
            sum += (double)taps[t * CHANNEL_BLOCK + lane] * patch[(row * across + column) * CHANNEL_BLOCK + lane];
        }
        if (fabs(outputs[i] - sum) > 1e-3)
            fail_msg("kinds %d by %d: output %d is %g, expected %g", y, x, out, outputs[i], sum);
    }
}

static void test_winograd(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 66);
    for (enum winograd_kind y = WINOGRAD_ONE; y < WINOGRAD_KINDS; y++)
        for (enum winograd_kind x = WINOGRAD_ONE; x < WINOGRAD_KINDS; x++)
            if (y != WINOGRAD_ONE || x != WINOGRAD_ONE)
                check_winograd(y, x, &random);
}

/* ---- one dimension ---- */

/* Sums in double precision of [batch][in][width] by [out][in][kernel]. */
static double *line_sums(const struct tensor *x, const struct tensor *w, int64_t stride, int64_t dilation, int64_t pad,
                         int64_t width) {
    const int64_t *in = x->shape.dims, *kernel = w->shape.dims;
    const float *from = x->data, *weights = w->data;
    double *y = calloc((size_t)(in[0] * kernel[0] * width), sizeof *y);
    assert_non_null(y);
    for (int64_t i = 0; i < in[0] * kernel[0] * width; i++)
        for (int64_t t = 0; t < kernel[1] * kernel[2]; t++) {
            const int64_t at = i % width * stride + t % kernel[2] * dilation - pad, channel = t / kernel[2];
            const int64_t row = i / (width * kernel[0]) * in[1] + channel, out = i / width % kernel[0];
            if (at >= 0 && at < in[2])
                y[i] += (double)from[row * in[2] + at] * (double)weights[out * kernel[1] * kernel[2] + t];
        }
    return y;
}

/* Few input channels, plain tensors on both sides. */
static void check_line(struct random *random) {
    const int64_t stride = random_int(random, 1, 8), dilation = random_int(random, 1, 3);
    const int64_t taps = random_int(random, 1, 12), pad = random_int(random, 0, 5);
    struct tensor *x =
        test_tensor(DTYPE_FLOAT, 3, random_int(random, 1, 2), random_int(random, 1, 8), random_int(random, 40, 900));
    struct tensor *w = test_tensor(DTYPE_FLOAT, 3, random_int(random, 1, 50), (int)x->shape.dims[1], (int)taps);
    const struct tensor *inputs[] = {x, w, NULL, NULL};
    struct test_node node;
    test_fill(x, random);
    test_fill(w, random);
    test_node_init(&node, "BlockedConv", 4, 1);
    node.node.domain = "limner";
    test_node_ints(&node, "strides", &stride, 1);
    test_node_ints(&node, "dilations", &dilation, 1);
    test_node_ints(&node, "pads", (const int64_t[]){pad, pad}, 2);
    test_node_int(&node, "blocked_input", 0);
    test_node_int(&node, "blocked_output", 0);
    const struct tensor y = evaluate(&node, test_kernels(), random_int(random, 1, 3), inputs);
    double *expected = line_sums(x, w, stride, dilation, pad, y.shape.dims[2]);
    assert_int_equal(y.shape.dims[2], (x->shape.dims[2] + 2 * pad - (taps - 1) * dilation - 1) / stride + 1);
    test_close(y.data, expected, (size_t)tensor_elements(&y), 1e-5, 1e-5, "a line");
    free(expected);
    free(y.data);
    test_tensor_free(x);
    test_tensor_free(w);
}

static void test_lines(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 91);
    for (int i = 0; i < test_cases(60); i++)
        check_line(&random);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiles),          cmocka_unit_test(test_rows),
        cmocka_unit_test(test_two_term),       cmocka_unit_test(test_factors),
        cmocka_unit_test(test_winograd),       cmocka_unit_test(test_convolutions),
        cmocka_unit_test(test_many_weights),   cmocka_unit_test(test_many_weights_and_tiles),
        cmocka_unit_test(test_batch_in_waves), cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_choice),         cmocka_unit_test(test_norm),
        cmocka_unit_test(test_norm_rows),      cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
