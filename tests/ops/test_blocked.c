/*
 * Convolutions on channel blocks against the plain operators, whose own reference is the specification (test_conv.c):
 * every algorithm, borders, strides, dilations, groups, plain inputs, few outputs, tails.
 */
#include "ops/blocked/blocked.h"
#include "ops/blocked/direct.h"
#include "ops/blocked/engine/blocked_plan.h"
#include "ops/blocked/winograd/winograd_algorithm.h"
#include "ops/blocked/winograd/winograd_balance.h"
#include "ops/kernels/cpu.h"
#include "tests/support/blocked_node.h"
#include "tests/support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 400

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
    const struct tensor y = blocked_evaluate(&node, test_kernels(), 1, inputs);
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
    struct tensor y = blocked_evaluate(&node, kernels, threads, inputs);
    if (!c->plain_input)
        free(blocks.data);
    if (c->plain_output)
        return y;
    const struct tensor plain = from_blocks(&y, c->out * c->group);
    free(y.data);
    return plain;
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
        blocked_compare(&direct, &expected, 1e-5 + 1e-7 * (double)(c.in * c.kernel[0] * c.kernel[1]), what);
        struct tensor fast = actual_of(&c, &data, test_kernels(), 3);
        blocked_compare(&fast, &expected, 1e-3, what);
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
        blocked_compare(&fast, &expected, 1e-2, what);
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
        blocked_compare(&one, &expected, 1e-2, what);
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
        blocked_compare(&all, &expected, 1e-2, "eleven batch rows");
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
    const struct tensor y = blocked_evaluate(&node, test_kernels(), random_int(random, 1, 3), inputs);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_convolutions),
                                       cmocka_unit_test(test_many_weights),
                                       cmocka_unit_test(test_many_weights_and_tiles),
                                       cmocka_unit_test(test_batch_in_waves),
                                       cmocka_unit_test(test_same_bits),
                                       cmocka_unit_test(test_choice),
                                       cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}