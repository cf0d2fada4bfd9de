/* runtime/passes/pass_layout.c: networks in channel blocks give what plain ones give. */
#include "runtime/passes/pass.h"
#include "tests/support/pass_compare.h"

#include <stdio.h>
#include <string.h>

/* ---- channel blocks ---- */

/* A generator in small: borders, normalization, a residual block, transposed convolution, few outputs. */
static void make_generator(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "2 3 20 24");
    build_random(b, "w1", "32 3 7 7", random);
    build_random(b, "b1", "32", random);
    build_random(b, "s1", "32", random);
    build_random(b, "w3", "32 16 4 4", random);
    build_ints(b, "three", "0 0 3 3 0 0 3 3");
    build_ints(b, "two", "0 0 2 2 0 0 2 2");
    build_node(b, "Pad", "x three", "x3");
    build_attribute_text(b, "mode", "reflect");
    build_node(b, "Conv", "x3 w1 b1", "c1");
    build_node(b, "InstanceNormalization", "c1 s1 b1", "n1");
    build_node(b, "Relu", "n1", "r1");
    build_node(b, "Pad", "r1 two", "p2");
    build_attribute_text(b, "mode", "edge");
    build_conv(b, "p2", "32 32 3 3", NULL, "c2", random);
    build_attribute_ints(b, "dilations", "2 2");
    build_node(b, "InstanceNormalization", "c2 s1 b1", "n2");
    build_node(b, "Add", "r1 n2", "sum");
    build_node(b, "ConvTranspose", "sum w3", "up");
    build_attribute_ints(b, "strides", "2 2");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_node(b, "Sigmoid", "up", "u");
    build_conv(b, "u", "3 16 5 5", "2 2 2 2", "y", random);
    build_output(b, "y");
}

/* What is in blocks is read by others, too: a shape, a plain operator, an output of the graph; and concatenated. */
static void make_mixture(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 16 ? ?");
    build_random(b, "slope", "16 1 1", random);
    build_float(b, "half", 0.5f);
    build_conv(b, "x", "16 16 3 3", "1 1 1 1", "c1", random);
    build_node(b, "Mul", "c1 half", "h");
    build_node(b, "Shape", "h", "size");
    build_node(b, "Reshape", "h size", "same");
    build_node(b, "PRelu", "h slope", "p");
    build_node(b, "Concat", "h c1", "both");
    build_attribute_int(b, "axis", -3);
    build_conv(b, "both", "24 32 1 1", NULL, "c2", random);
    build_node(b, "Concat", "c2 same p", "y");
    build_attribute_int(b, "axis", 1);
    build_output(b, "y");
}

/* Only the shape of what is in blocks is read: nothing is turned back for that. */
static void make_measured(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 16 ? ?");
    build_ints(b, "last", "2 3");
    build_ints(b, "first", "1 3");
    build_conv(b, "x", "16 16 3 3", NULL, "c1", random);
    build_node(b, "Shape", "c1", "size");
    build_node(b, "Gather", "size last", "sides");
    build_node(b, "Concat", "first sides", "all");
    build_attribute_int(b, "axis", 0);
    build_conv(b, "c1", "3 16 1 1", NULL, "c2", random);
    build_node(b, "Reshape", "c2 all", "y");
    build_output(b, "y");
}

/* A U-Net in small, with pooling, resizing by scales and to the size of another picture, and global averages. */
static void make_unet(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 3 12 16");
    struct tensor *twice = test_tensor(DTYPE_FLOAT, 1, 4);
    memcpy(twice->data, (const float[]){1, 1, 2, 2}, twice->bytes);
    build_constant(b, "twice", twice);
    test_tensor_free(twice);
    build_conv(b, "x", "32 3 3 3", "1 1 1 1", "c1", random);
    build_node(b, "MaxPool", "c1", "p1");
    build_attribute_ints(b, "kernel_shape", "2 2");
    build_attribute_ints(b, "strides", "2 2");
    build_conv(b, "p1", "24 32 3 3", "1 1 1 1", "c2", random);
    build_node(b, "AveragePool", "c2", "p2");
    build_attribute_ints(b, "kernel_shape", "3 3");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_attribute_ints(b, "strides", "2 2");
    build_node(b, "GlobalAveragePool", "p2", "g");
    build_node(b, "GlobalMaxPool", "p2", "m");
    build_conv(b, "g", "24 24 1 1", NULL, "s1", random);
    build_conv(b, "m", "24 24 1 1", NULL, "s2", random);
    build_node(b, "Add", "s1 s2", "s");
    build_node(b, "Mul", "p2 s", "d");
    build_node(b, "Resize", "d - twice", "u1");
    build_attribute_text(b, "mode", "nearest");
    build_node(b, "LpPool", "u1", "l");
    build_attribute_ints(b, "kernel_shape", "3 3");
    build_attribute_ints(b, "pads", "1 1 1 1");
    build_node(b, "Shape", "c1", "size");
    build_ints(b, "last", "2 3");
    build_ints(b, "first", "1 24");
    build_node(b, "Gather", "size last", "sides");
    build_node(b, "Concat", "first sides", "sizes");
    build_attribute_int(b, "axis", 0);
    build_node(b, "Resize", "l - - sizes", "u2");
    build_attribute_text(b, "mode", "linear");
    build_node(b, "Concat", "c1 u2", "both");
    build_attribute_int(b, "axis", 1);
    build_conv(b, "both", "3 56 3 3", "1 1 1 1", "y", random);
    build_output(b, "y");
}

/* Too few channels on both sides, three dimensions, weights that are no constants: these stay as they are. */
static void make_plain(struct builder *b, struct random *random) {
    build_input(b, "x", DTYPE_FLOAT, "1 16 6 6");
    build_node(b, "Conv", "x x", "own");
    build_attribute_ints(b, "pads", "3 3 3 3");
    build_conv(b, "x", "3 16 3 3", NULL, "c", random);
    build_attribute_ints(b, "strides", "2 2");
    build_conv(b, "c", "3 3 1 1", NULL, "y", random);
    build_output(b, "y");
}

static void test_layout(void **unused) {
    (void)unused;
    compare_passes(make_generator, PASS_LAYOUT, 2e-5, 17, 7,
                   "Conv InstanceNormalization+Relu Conv InstanceNormalization ConvTranspose Sigmoid Conv");
    compare_passes(make_mixture, PASS_LAYOUT, 2e-5, 17, 11,
                   "Block Conv Mul Unblock Reshape PRelu Concat Conv Unblock Concat");
    compare_passes(make_measured, PASS_LAYOUT, 2e-5, 17, 8, "Block Conv Conv Reshape");
    compare_passes(
        make_unet, PASS_LAYOUT, 2e-5, 18, 19,
        "Conv MaxPool Conv AveragePool GlobalAveragePool GlobalMaxPool Conv Conv Add Mul Resize LpPool Resize Concat "
        "Conv");
    compare_passes(make_plain, PASS_LAYOUT, 0, 17, 2, "Conv Conv");
}

/* A depthwise convolution in one dimension, by the kernels of channel blocks. */
static void make_line(struct builder *b, struct random *random) {
    const bool relu = random_int(random, 0, 1);
    char pads[16], number[4];
    build_input(b, "x", DTYPE_FLOAT, "2 19 41");
    build_random(b, "w", random_int(random, 0, 1) ? "19 1 3" : "19 1 8", random);
    build_random(b, "bias", "19", random);
    build_node(b, "Conv", "x w bias", relu ? "c" : "y");
    build_attribute_int(b, "group", 19);
    snprintf(pads, sizeof pads, "%d %d", (int)random_int(random, 0, 9), (int)random_int(random, 0, 9));
    build_attribute_ints(b, "pads", pads);
    snprintf(number, sizeof number, "%d", (int)random_int(random, 1, 3));
    build_attribute_ints(b, "strides", number);
    snprintf(number, sizeof number, "%d", (int)random_int(random, 1, 4));
    build_attribute_ints(b, "dilations", number);
    if (relu)
        build_node(b, "Relu", "c", "y");
    build_output(b, "y");
}

static void test_lines(void **unused) {
    (void)unused;
    compare_passes(make_line, PASS_LAYOUT | PASS_ACTIVATION, 1e-6, 13, 1, NULL);
}

/* Taps most of which meet nothing but the border. */
static void make_dilated(struct builder *b, struct random *random) {
    char pads[32], dilations[16];
    const int dilation = (int)random_int(random, 5, 14);
    build_input(b, "x", DTYPE_FLOAT, "1 48 11 13");
    snprintf(pads, sizeof pads, "%d %d %d %d", dilation, dilation, dilation, dilation);
    snprintf(dilations, sizeof dilations, "%d %d", dilation, dilation);
    build_conv(b, "x", "80 48 3 3", pads, "y", random);
    build_attribute_ints(b, "dilations", dilations);
    build_output(b, "y");
}

static void test_taps_beyond(void **unused) {
    (void)unused;
    compare_passes(make_dilated, PASS_LAYOUT, 2e-5, 17, 3, "Block Conv Unblock");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_taps_beyond),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
