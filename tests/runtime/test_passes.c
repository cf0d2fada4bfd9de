/* runtime/pass_*.c: a pass that is on gives what the same pass gives when it is off, and does its work. */
#include "runtime/passes/pass.h"
#include "runtime/passes/passes.h"
#include "runtime/session/model.h"
#include "tests/support/pass_compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- constant folding ---- */

static void make_computed_weights(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "? 6");
    build_random(b, "w", "4 6", random);
    build_ints(b, "shape", "6 4");
    build_float(b, "half", 0.5f);
    build_node(b, "Transpose", "w", "wt");
    build_node(b, "Reshape", "wt shape", "ws");
    build_node(b, "Mul", "ws half", "wh");
    build_node(b, "MatMul", "x wh", "xw");
    build_node(b, "Mul", "half half", "quarter");
    build_node(b, "Add", "xw quarter", "y");
    build_output(b, "y");
}

static void make_constant_nodes(struct builder *b, struct random *random) {
    struct tensor *weight = test_tensor(DTYPE_FLOAT, 2, 3, 5);
    test_fill(weight, random);
    build_input(b, "x", DTYPE_FLOAT, "? 3");
    build_node(b, "Constant", "", "w");
    build_attribute_tensor(b, "value", weight);
    build_node(b, "Identity", "w", "same");
    build_node(b, "MatMul", "x same", "y");
    build_output(b, "y");
    test_tensor_free(weight);
}

/* Reflection pads as the older exporter writes them: computed in the graph. */
static void make_computed_pads(struct builder *b, struct random *random) {
    (void)random;
    build_input(b, "x", DTYPE_FLOAT, "1 2 ? ?");
    build_ints(b, "given", "1 2 0 3");
    build_ints(b, "four", "4");
    struct tensor *zero = test_tensor(DTYPE_INT64, 1, 1);
    build_node(b, "ConstantOfShape", "four", "zeros");
    build_attribute_tensor(b, "value", zero);
    build_node(b, "Concat", "given zeros", "all");
    build_attribute_int(b, "axis", 0);
    build_ints(b, "two", "-1 2");
    build_node(b, "Reshape", "all two", "pairs");
    build_ints(b, "start", "-1");
    build_ints(b, "end", "-1000");
    build_ints(b, "axis0", "0");
    build_ints(b, "step", "-1");
    build_node(b, "Slice", "pairs start end axis0 step", "reversed");
    build_node(b, "Transpose", "reversed", "turned");
    build_attribute_ints(b, "perm", "1 0");
    build_ints(b, "flat", "-1");
    build_node(b, "Reshape", "turned flat", "pads");
    build_node(b, "Pad", "x pads", "y");
    build_attribute_text(b, "mode", "reflect");
    build_output(b, "y");
    test_tensor_free(zero);
}

/* One weight in two shapes: packed for each on its own. */
static void make_two_shapes(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 2 ? ?");
    build_random(b, "w", "4 2 3 3", random);
    build_ints(b, "shape", "4 18 1 1");
    build_node(b, "Reshape", "w shape", "flat");
    build_node(b, "Conv", "x w", "c");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_node(b, "Concat", "x x x x x x x x x", "nine");
    build_attribute_int(b, "axis", 1);
    build_node(b, "Conv", "nine flat", "d");
    build_node(b, "Add", "c d", "y");
    build_output(b, "y");
}

/* Numbers that become wider, as quantized weights do, are folded whatever their size. */
static void make_quantized_weights(struct builder *b, struct random *random) {
    struct tensor *weights = test_tensor(DTYPE_INT8, 2, 400, 200);
    for (size_t i = 0; i < weights->bytes; i++)
        ((int8_t *)weights->data)[i] = (int8_t)random_int(random, -128, 127);
    build_input(b, "x", DTYPE_FLOAT, "? 400");
    build_constant(b, "w", weights);
    build_float(b, "scale", 0.03f);
    build_node(b, "DequantizeLinear", "w scale", "wide");
    build_node(b, "MatMul", "x wide", "y");
    build_output(b, "y");
    test_tensor_free(weights);
}

/* 64 MB of wider numbers nine times, each gone before the next is made: more than may be there at once. */
static void make_passing_weights(struct builder *b, struct random *random) {
    (void)random;
    struct tensor *weights = test_tensor(DTYPE_INT8, 2, 4096, 4096);
    memset(weights->data, 1, weights->bytes);
    build_input(b, "x", DTYPE_FLOAT, "1");
    build_constant(b, "w", weights);
    build_float(b, "largest0", 0.5f);
    for (int i = 0; i < 9; i++) {
        char inputs[32], wide[32], largest[32];
        snprintf(inputs, sizeof inputs, "w largest%d", i);
        snprintf(wide, sizeof wide, "wide%d", i);
        snprintf(largest, sizeof largest, "largest%d", i + 1);
        build_node(b, "DequantizeLinear", inputs, wide);
        build_node(b, "ReduceMax", wide, largest);
        build_attribute_int(b, "keepdims", 0);
    }
    build_node(b, "Mul", "x largest9", "y");
    build_output(b, "y");
    test_tensor_free(weights);
}

static void dropped_constants_are_given_back(void **state) {
    (void)state;
    const struct pass_outcome outcome = run_with_passes(make_passing_weights, PASS_ALL & ~PASS_FOLD, 1, 13);
    assert_string_equal(outcome.types, "Mul");
    free(outcome.data);
}

/* A result much larger than what it is made from stays a node. */
static void make_expansion(struct builder *b, struct random *random) {
    (void)random;
    build_input(b, "x", DTYPE_FLOAT, "1");
    build_float(b, "one", 1.0f);
    build_ints(b, "shape", "300 300");
    build_node(b, "Expand", "one shape", "ones");
    build_node(b, "Mul", "ones x", "y");
    build_output(b, "y");
}

static void constants_are_folded(void **state) {
    (void)state;
    compare_passes(make_computed_weights, PASS_FOLD, 0, 13, 2, "MatMul Add");
    compare_passes(make_constant_nodes, PASS_FOLD, 0, 13, 1, "MatMul");
    compare_passes(make_computed_pads, PASS_FOLD, 0, 13, 1, "Pad");
    compare_passes(make_two_shapes, PASS_FOLD, 0, 13, 4, "Conv Concat Conv Add");
    compare_passes(make_quantized_weights, PASS_FOLD, 1e-6, 13, 1, "MatMul");
    compare_passes(make_expansion, PASS_FOLD, 0, 13, 2, "Expand Mul");
}

/* ---- no-ops ---- */

static void make_noops(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 3 ? ?");
    build_ints(b, "nothing", "0 0 0 0 0 0 0 0");
    build_node(b, "Identity", "x", "a");
    build_node(b, "Dropout", "a", "b");
    build_node(b, "Cast", "b", "c");
    build_attribute_int(b, "to", DTYPE_FLOAT);
    build_conv(b, "c", "3 3 1 1", NULL, "d", random);
    build_node(b, "Cast", "d", "e");
    build_attribute_int(b, "to", DTYPE_FLOAT);
    build_node(b, "Pad", "e nothing", "f");
    build_node(b, "Transpose", "f", "g");
    build_attribute_ints(b, "perm", "0 1 2 3");
    build_node(b, "Concat", "g", "h");
    build_attribute_int(b, "axis", 1);
    build_node(b, "Add", "h a", "i");
    build_node(b, "Identity", "i", "y");
    build_output(b, "y");
}

static void make_no_noops(struct builder *b, struct random *random) {
    (void)random;
    build_input(b, "x", DTYPE_FLOAT, "1 3 ? ?");
    build_ints(b, "something", "0 0 0 0 0 0 1 0");
    build_node(b, "Transpose", "x", "a");
    build_attribute_ints(b, "perm", "0 1 3 2");
    build_node(b, "Pad", "a something", "b");
    build_node(b, "Cast", "b", "c");
    build_attribute_int(b, "to", DTYPE_INT32);
    build_node(b, "Cast", "c", "d");
    build_attribute_int(b, "to", DTYPE_FLOAT);
    build_node(b, "Concat", "d d", "y");
    build_attribute_int(b, "axis", 1);
    build_output(b, "y");
}

static void noops_are_dropped(void **state) {
    (void)state;
    compare_passes(make_noops, PASS_NOOP, 0, 13, 2, "Conv Add");
    compare_passes(make_no_noops, PASS_NOOP, 0, 13, 5, "Transpose Pad Cast Cast Concat");
}

/* ---- BatchNormalization ---- */

static void add_norm(struct builder *b, struct random *random, int channels, const char *input, const char *output) {
    struct tensor *variance = test_tensor(DTYPE_FLOAT, 1, channels);
    char dims[16], inputs[64];
    snprintf(dims, sizeof dims, "%d", channels);
    snprintf(inputs, sizeof inputs, "%s scale bias mean variance", input);
    for (int i = 0; i < channels; i++)
        ((float *)variance->data)[i] = 1.1f + random_float(random);
    build_random(b, "scale", dims, random);
    build_random(b, "bias", dims, random);
    build_random(b, "mean", dims, random);
    build_constant(b, "variance", variance);
    build_node(b, "BatchNormalization", inputs, output);
    build_attribute_float(b, "epsilon", 1e-3f);
    test_tensor_free(variance);
}

static void make_norm_behind(struct builder *b, struct random *random, bool transposed) {
    const int group = (int)random_int(random, 1, 3), in = (int)random_int(random, 1, 3) * group;
    const int per_group = (int)random_int(random, 1, 4), out = per_group * group;
    const bool biased = random_int(random, 0, 1) == 1;
    char dims[64], weight[64];
    snprintf(dims, sizeof dims, "2 %d ? ?", in);
    snprintf(weight, sizeof weight, "%d %d 3 2", transposed ? in : out, transposed ? per_group : in / group);
    build_input(b, "x", DTYPE_FLOAT, dims);
    build_random(b, "w", weight, random);
    snprintf(dims, sizeof dims, "%d", out);
    build_random(b, "b", dims, random);
    build_node(b, transposed ? "ConvTranspose" : "Conv", biased ? "x w b" : "x w", "c");
    build_attribute_int(b, "group", group);
    add_norm(b, random, out, "c", "y");
    build_output(b, "y");
}

static void make_conv_norm(struct builder *b, struct random *random) {
    make_norm_behind(b, random, false);
}
static void make_transposed_norm(struct builder *b, struct random *random) {
    make_norm_behind(b, random, true);
}

static void make_gemm_norm(struct builder *b, struct random *random) {
    static const char *const biases[] = {"5", "1 5", "1", ""};
    const bool turned = random_int(random, 0, 1) == 1;
    const int bias = (int)random_int(random, 0, 4);
    build_input(b, "x", DTYPE_FLOAT, "? 7");
    build_random(b, "w", turned ? "5 7" : "7 5", random);
    if (bias < 4)
        build_random(b, "c", biases[bias], random);
    build_node(b, "Gemm", bias < 4 ? "x w c" : "x w", "g");
    build_attribute_int(b, "transB", turned);
    build_attribute_float(b, "alpha", 0.7f);
    build_attribute_float(b, "beta", 1.3f);
    add_norm(b, random, 5, "g", "y");
    build_output(b, "y");
}

/* The value between has another reader: nothing may be folded. */
static void make_shared_norm(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 2 ? ?");
    build_conv(b, "x", "2 2 1 1", NULL, "c", random);
    add_norm(b, random, 2, "c", "n");
    build_node(b, "Add", "c n", "y");
    build_output(b, "y");
}

static void batch_normalization_is_folded(void **state) {
    (void)state;
    compare_passes(make_conv_norm, PASS_BATCHNORM, 1e-5, 13, 1, "Conv");
    compare_passes(make_transposed_norm, PASS_BATCHNORM, 1e-5, 13, 1, "ConvTranspose");
    compare_passes(make_gemm_norm, PASS_BATCHNORM, 1e-5, 13, 1, "Gemm");
    compare_passes(make_shared_norm, PASS_BATCHNORM, 0, 13, 3, "Conv BatchNormalization Add");
}

/* ---- padding ---- */

static void make_padded(struct builder *b, struct random *random) {
    char pads[64];
    build_input(b, "x", DTYPE_FLOAT, "1 2 ? ?");
    snprintf(pads, sizeof pads, "0 0 %d %d 0 0 %d %d", (int)random_int(random, 0, 3), (int)random_int(random, 0, 3),
             (int)random_int(random, 0, 3), (int)random_int(random, 1, 3));
    build_ints(b, "pads", pads);
    build_random(b, "w", "3 2 3 3", random);
    build_node(b, "Pad", "x pads", "p");
    build_node(b, "Conv", "p w", "y");
    if (random_int(random, 0, 1))
        build_attribute_ints(b, "pads", "1 0 2 1");
    build_attribute_ints(b, "strides", "2 1");
    build_output(b, "y");
}

static void make_padded_old(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 2 ? ?");
    build_random(b, "w", "3 2 3 3", random);
    build_node(b, "Pad", "x", "p");
    build_attribute_ints(b, "pads", "0 0 1 2 0 0 3 0");
    build_node(b, "Conv", "p w", "y");
    build_output(b, "y");
}

static void make_padded_otherwise(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 2 ? ?");
    build_ints(b, "pads", random_int(random, 0, 1) ? "0 0 1 1 0 0 1 1" : "0 0 1 0 0 0 1 0");
    build_float(b, "one", 1.0f);
    build_random(b, "w", "3 2 3 3", random);
    const bool reflect = random_int(random, 0, 1) == 1;
    build_node(b, "Pad", reflect ? "x pads" : "x pads one", "p");
    if (reflect)
        build_attribute_text(b, "mode", "reflect");
    build_node(b, "Conv", "p w", "y");
    build_output(b, "y");
}

static void padding_is_merged(void **state) {
    (void)state;
    compare_passes(make_padded, PASS_PAD, 0, 13, 1, "Conv");
    compare_passes(make_padded_old, PASS_PAD, 0, 9, 1, "Conv");
    compare_passes(make_padded_otherwise, PASS_PAD, 0, 13, 2, "Pad Conv");
}

/* ---- activations ---- */

static const char *activation;

static void make_activated(struct builder *b, struct random *random) {
    const bool transposed = random_int(random, 0, 1) == 1;
    build_input(b, "x", DTYPE_FLOAT, "2 3 ? ?");
    build_random(b, "w", transposed ? "3 5 3 3" : "5 3 3 3", random);
    build_float(b, "low", -0.3f);
    build_float(b, "high", 0.4f);
    build_node(b, transposed ? "ConvTranspose" : "Conv", "x w", "c");
    const bool clip = strcmp(activation, "Clip") == 0;
    static const char *const clips[] = {"c low high", "c - high", "c low", "c"};
    build_node(b, activation, clip ? clips[random_int(random, 0, 3)] : "c", "y");
    if (strcmp(activation, "LeakyRelu") == 0 && random_int(random, 0, 1))
        build_attribute_float(b, "alpha", 0.2f);
    build_output(b, "y");
}

static void make_output_between(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "2 3 ? ?");
    build_conv(b, "x", "5 3 3 3", NULL, "c", random);
    build_node(b, "Relu", "c", "y");
    build_output(b, "c");
    build_output(b, "y");
}

static void activations_are_fused(void **state) {
    (void)state;
    static const char *const names[] = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "HardSigmoid"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        activation = names[i];
        compare_passes(make_activated, PASS_ACTIVATION, 0, 13, 1, NULL);
    }
    compare_passes(make_output_between, PASS_ACTIVATION, 0, 13, 2, "Conv Relu");
}

/* x sigmoid(x), and x/2 (1 + erf(x / sqrt 2)) in each order that exporters write; shape decides which. */
static int composed;

static void make_composed(struct builder *b, struct random *random) {
    static const char *const firsts[] = {"x sum", "x half", "sum half", "half x"};
    static const char *const seconds[] = {"first half", "first sum", "x first", "sum first"};
    const bool quotient = random_int(random, 0, 1);
    build_input(b, "x", DTYPE_FLOAT, "2 3 ? ?");
    build_float(b, "half", 0.5f);
    build_float(b, "one", 1);
    build_float(b, "root", quotient ? sqrtf(2) : sqrtf(0.5f));
    if (composed < 0) {
        build_node(b, "Sigmoid", "x", "first");
        build_node(b, "Mul", random_int(random, 0, 1) ? "x first" : "first x", "y");
    } else {
        build_node(b, quotient ? "Div" : "Mul", "x root", "inner");
        build_node(b, "Erf", "inner", "erf");
        build_node(b, "Add", random_int(random, 0, 1) ? "one erf" : "erf one", "sum");
        build_node(b, "Mul", firsts[composed], "first");
        build_node(b, "Mul", seconds[composed], "y");
    }
    build_output(b, "y");
}

/* Nearly the same: a sum that is read besides, another factor. */
static void make_uncomposed(struct builder *b, struct random *random) {
    const bool read = random_int(random, 0, 1);
    build_input(b, "x", DTYPE_FLOAT, "2 3 ? ?");
    build_float(b, "half", read ? 0.5f : 0.25f);
    build_float(b, "one", 1);
    build_float(b, "root", sqrtf(2));
    build_node(b, "Div", "x root", "inner");
    build_node(b, "Erf", "inner", "erf");
    build_node(b, "Add", "erf one", "sum");
    build_node(b, "Mul", "x sum", "first");
    build_node(b, "Mul", "first half", "y");
    build_output(b, "y");
    if (read)
        build_output(b, "sum");
}

static void functions_are_composed(void **state) {
    (void)state;
    for (composed = -1; composed < 4; composed++)
        compare_passes(make_composed, PASS_COMPOSE, 1e-6, 13, 1, composed < 0 ? "Swish" : "Gelu");
    compare_passes(make_uncomposed, PASS_COMPOSE, 0, 13, 5, "Div Erf Add Mul Mul");
}

/* ---- all together ---- */

static void make_block(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "2 3 ? ?");
    build_ints(b, "pads", "0 0 1 1 0 0 1 1");
    build_random(b, "raw", "3 5 3 3", random);
    build_node(b, "Transpose", "raw", "w");
    build_attribute_ints(b, "perm", "1 0 2 3");
    build_node(b, "Pad", "x pads", "p");
    build_node(b, "Conv", "p w", "c");
    build_node(b, "Identity", "c", "i");
    add_norm(b, random, 5, "i", "n");
    build_node(b, "LeakyRelu", "n", "y");
    build_attribute_float(b, "alpha", 0.2f);
    build_output(b, "y");
}

static void passes_work_together(void **state) {
    (void)state;
    compare_passes(make_block, PASS_ALL, 1e-5, 13, 1, "Conv+LeakyRelu");
}

/* Every pass alone, on graphs of random element-wise nodes with constants and no-ops strewn in. */
static void make_tangle(struct builder *b, struct random *random) {
    static const char *const one[] = {"Relu", "Identity", "Sigmoid", "LeakyRelu", "Neg", "Dropout", "Tanh"};
    static const char *const two[] = {"Add", "Mul", "Sub"};
    char inputs[32], output[16];
    build_input(b, "v0", DTYPE_FLOAT, "2 3");
    b->model->graph->values[0].name = "x";
    build_random(b, "k0", "2 3", random);
    build_random(b, "k1", "3", random);
    build_node(b, "Add", "k0 k1", "k2");
    for (int i = 1; i < 20; i++) {
        const int a = (int)random_int(random, 0, i - 1), c = (int)random_int(random, 0, i - 1);
        snprintf(output, sizeof output, i == 19 ? "y" : "v%d", i);
        const bool single = random_int(random, 0, 1) == 1;
        if (single)
            snprintf(inputs, sizeof inputs, a ? "v%d" : "x", a);
        else if (random_int(random, 0, 2) == 0)
            snprintf(inputs, sizeof inputs, a ? "k%d v%d" : "k%d x", (int)random_int(random, 0, 2), a);
        else
            snprintf(inputs, sizeof inputs, a ? "v%d v%d" : "x v%d", a ? a : i - 1, c ? c : i - 1);
        if (strstr(inputs, "v0"))
            snprintf(inputs, sizeof inputs, "x x");
        build_node(b, single ? one[random_int(random, 0, 6)] : two[random_int(random, 0, 2)], inputs, output);
    }
    build_output(b, "y");
    if (random_int(random, 0, 1))
        build_output(b, "v7");
}

static void any_pass_on_random_graphs(void **state) {
    (void)state;
    for (int round = 0; round < 200; round++) {
        const uint64_t seed = test_seed() + (uint64_t)round;
        struct pass_outcome off = run_with_passes(make_tangle, PASS_ALL, seed, 13);
        const unsigned bits = 1u << (unsigned)(round % 5);
        struct pass_outcome on = run_with_passes(make_tangle, round % 2 ? 0 : PASS_ALL & ~bits, seed, 13);
        if (on.count != off.count || memcmp(on.data, off.data, on.count * 4) != 0)
            fail_msg("seed %llu: differs (%s)", (unsigned long long)seed, on.types);
        free(on.data);
        free(off.data);
    }
}

static void the_table_is_complete(void **state) {
    (void)state;
    unsigned bits = 0;
    for (size_t i = 0; pass_at(i); i++) {
        assert_non_null(pass_at(i)->name);
        assert_int_equal(bits & pass_at(i)->bit, 0);
        bits |= pass_at(i)->bit;
    }
    assert_int_equal(bits, PASS_ALL);
}

/* ---- nodes that are wrong ---- */

/* Nodes that would do nothing if they were right are refused when they are not, whatever passes made of the rest. */
static const struct wrong_node {
    int opset;
    const char *op_type, *inputs, *attribute, *value, *words; /* words: of the message; "": the node is right */
} wrong_nodes[] = {
    {13, "Transpose", "r", "perm", "0 1", "perm"},
    {13, "Transpose", "r", "perm", "0 1 2", ""},
    {13, "Transpose", "r", "perm", "0 1 2 3", "perm"},
    {13, "Concat", "r", "axis", "9", "axis is 9"},
    {13, "Concat", "r", "axis", "-4", "axis is -4"},
    {13, "Concat", "r", "axis", "-3", ""},
    {13, "Pad", "r two", NULL, NULL, "pads has 2 numbers, expected 6"},
    {13, "Pad", "r six", NULL, NULL, ""},
    {18, "Pad", "r two - far", NULL, NULL, "axes[0] is 9"},
    {18, "Pad", "r two - near", NULL, NULL, ""},
    {10, "Pad", "r", "pads", "0 0 0 0", "pads has 4 numbers, expected 6"},
    {13, "Dropout", "r ratios", NULL, NULL, "ratio"},
    {13, "Dropout", "r ratio", NULL, NULL, ""},
};

static limner_model *make_wrong(const struct wrong_node *node, unsigned off) {
    struct random random = random_from(test_seed());
    struct builder b = build_start(node->opset);
    build_input(&b, "x", DTYPE_FLOAT, NULL); /* of any rank */
    build_random(&b, "w", "3 3 3", &random);
    build_ints(&b, "two", "0 0");
    build_ints(&b, "six", "0 0 0 0 0 0");
    build_ints(&b, "far", "9");
    build_ints(&b, "near", "2");
    build_random(&b, "ratios", "1 2", &random);
    build_float(&b, "ratio", 0.5f);
    build_node(&b, "Conv", "x w", "c");
    build_node(&b, "Relu", "c", "r");
    build_node(&b, node->op_type, node->inputs, "n");
    if (node->attribute && strcmp(node->attribute, "axis") == 0)
        build_attribute_int(&b, "axis", strtol(node->value, NULL, 10));
    else if (node->attribute)
        build_attribute_ints(&b, node->attribute, node->value);
    build_node(&b, "Neg", "n", "y");
    build_output(&b, "y");
    return build_model(&b, off);
}

static void try_wrong(const struct wrong_node *node, unsigned off) {
    limner_model *model = make_wrong(node, off);
    limner_session *session = open_session(model, NULL);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 3, 1, 3, 8);
    const limner_tensor input = as_input("x", x);
    limner_tensor output = {0};
    limner_error error = {0};
    const limner_status got = limner_session_run(session, &input, 1, &output, 1, &error);
    if ((got == LIMNER_OK) != !node->words[0] || !strstr(error.message, node->words))
        fail_msg("%s of %s, passes off 0x%x: %d \"%s\"", node->op_type, node->inputs, off, (int)got, error.message);
    if (got == LIMNER_OK)
        assert_int_equal(output.rank, 3);
    test_tensor_free(x);
    limner_session_close(session);
    limner_model_close(model);
}

static void wrong_nodes_are_not_dropped(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof wrong_nodes / sizeof *wrong_nodes; i++) {
        try_wrong(&wrong_nodes[i], 0);
        try_wrong(&wrong_nodes[i], PASS_NOOP);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_complete),
        cmocka_unit_test(constants_are_folded),
        cmocka_unit_test(dropped_constants_are_given_back),
        cmocka_unit_test(noops_are_dropped),
        cmocka_unit_test(batch_normalization_is_folded),
        cmocka_unit_test(padding_is_merged),
        cmocka_unit_test(activations_are_fused),
        cmocka_unit_test(functions_are_composed),
        cmocka_unit_test(passes_work_together),
        cmocka_unit_test(wrong_nodes_are_not_dropped),
        cmocka_unit_test(any_pass_on_random_graphs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
