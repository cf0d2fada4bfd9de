/* Conv and ConvTranspose against references in double precision, written from the ONNX specification. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONV_CASES 1500
#define TRANSPOSE_CASES 3000

/* A random problem: the tensors, the attributes, and what they come to. */
struct problem {
    int spatial;
    int64_t batch, group, in_channels, out_channels; /* channels per group */
    int64_t in[3], kernel[3], stride[3], dilation[3], pad_begin[3], pad_end[3], output_padding[3], out[3];
    int64_t pads[6], output_shape[3];
    bool transposed, bias;
    struct test_node node;
    struct tensor *x, *w, *b;
};

static int64_t product(const int64_t *values, int count) {
    int64_t result = 1;
    for (int i = 0; i < count; i++)
        result *= values[i];
    return result;
}

/* The index of a flat position in a space of `spatial` dimensions. */
static void unravel(int64_t flat, int spatial, const int64_t *sizes, int64_t *index) {
    for (int d = spatial - 1; d >= 0; d--) {
        index[d] = flat % sizes[d];
        flat /= sizes[d];
    }
}

/* Flat position, or -1 outside. */
static int64_t ravel(int spatial, const int64_t *sizes, const int64_t *index) {
    int64_t flat = 0;
    for (int d = 0; d < spatial; d++) {
        if (index[d] < 0 || index[d] >= sizes[d])
            return -1;
        flat = flat * sizes[d] + index[d];
    }
    return flat;
}

/* Adds, for one pair of input and output position at kernel position k, all channels. */
static void accumulate(const struct problem *p, int64_t n, int64_t i, int64_t o, int64_t k, double *y) {
    const float *x = p->x->data, *w = p->w->data;
    const int64_t in = product(p->in, p->spatial), out = product(p->out, p->spatial);
    const int64_t kernel = product(p->kernel, p->spatial);
    for (int64_t g = 0; g < p->group; g++)
        for (int64_t oc = 0; oc < p->out_channels; oc++)
            for (int64_t ic = 0; ic < p->in_channels; ic++) {
                const int64_t row = p->transposed ? (g * p->in_channels + ic) * p->out_channels + oc
                                                  : (g * p->out_channels + oc) * p->in_channels + ic;
                const double weight = w[row * kernel + k];
                const double value = x[((n * p->group + g) * p->in_channels + ic) * in + i];
                y[((n * p->group + g) * p->out_channels + oc) * out + o] += weight * value;
            }
}

/* Conv: output o sums inputs o * stride - pad + k * dilation. ConvTranspose: input i adds to outputs i * stride - pad +
   k * dilation. One loop over (position, k) serves both with the roles exchanged. */
static double *reference(const struct problem *p) {
    const int64_t out = product(p->out, p->spatial), kernel = product(p->kernel, p->spatial);
    const int64_t channels = p->group * p->out_channels;
    double *y = calloc((size_t)(p->batch * channels * out) + 1, sizeof *y);
    assert_non_null(y);
    for (int64_t plane = 0; p->bias && plane < p->batch * channels; plane++)
        for (int64_t o = 0; o < out; o++)
            y[plane * out + o] = ((const float *)p->b->data)[plane % channels];
    const int64_t *near_sizes = p->transposed ? p->in : p->out, *far_sizes = p->transposed ? p->out : p->in;
    for (int64_t near = 0; near < product(near_sizes, p->spatial); near++)
        for (int64_t k = 0; k < kernel; k++) {
            int64_t position[3], tap[3], far_position[3];
            unravel(near, p->spatial, near_sizes, position);
            unravel(k, p->spatial, p->kernel, tap);
            for (int d = 0; d < p->spatial; d++)
                far_position[d] = position[d] * p->stride[d] - p->pad_begin[d] + tap[d] * p->dilation[d];
            const int64_t far = ravel(p->spatial, far_sizes, far_position);
            for (int64_t n = 0; far >= 0 && n < p->batch; n++)
                accumulate(p, n, p->transposed ? near : far, p->transposed ? far : near, k, y);
        }
    return y;
}

static void set_pads(struct problem *p) {
    for (int d = 0; d < p->spatial; d++) {
        p->pads[d] = p->pad_begin[d];
        p->pads[p->spatial + d] = p->pad_end[d];
    }
    test_node_ints(&p->node, "pads", p->pads, (size_t)p->spatial * 2);
}

static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

static void halve(struct problem *p, int d, int64_t total, bool upper) {
    p->pad_begin[d] = upper ? total / 2 : total - total / 2;
    p->pad_end[d] = total - p->pad_begin[d];
}

/* Chooses padding for a Conv; false when the kernel does not fit. */
static bool choose_conv_padding(struct problem *p, struct random *random) {
    const int mode = (int)random_int(random, 0, 5);
    if (mode < 4) /* "" is as if it were not there */
        test_node_text(&p->node, "auto_pad", mode > 0 ? auto_pads[mode] : "");
    for (int d = 0; d < p->spatial; d++) {
        const int64_t reach = (p->kernel[d] - 1) * p->dilation[d] + 1;
        p->pad_begin[d] = p->pad_end[d] = 0;
        if (mode == 1 || mode == 2) {
            const int64_t out = (p->in[d] + p->stride[d] - 1) / p->stride[d];
            const int64_t total = (out - 1) * p->stride[d] + reach - p->in[d];
            halve(p, d, total > 0 ? total : 0, mode == 1);
        } else if (mode != 3) {
            p->pad_begin[d] = random_int(random, 0, 3);
            p->pad_end[d] = random_int(random, 0, 3);
        }
        const int64_t room = p->in[d] + p->pad_begin[d] + p->pad_end[d] - reach;
        if (room < 0)
            return false;
        p->out[d] = room / p->stride[d] + 1;
    }
    if (mode == 0 || mode >= 4)
        set_pads(p);
    return true;
}

/* Chooses padding, output_padding and output_shape for a ConvTranspose; false when nothing is left of the output. */
static bool choose_transposed_padding(struct problem *p, struct random *random) {
    const int mode = (int)random_int(random, 0, 7); /* 1..3: auto_pad; 4, 5: output_shape as well or alone */
    const bool shaped = mode >= 4 && mode <= 5, same = mode == 1 || mode == 2;
    const int upper = mode == 1 || (mode == 5 && random_int(random, 0, 1));
    const bool padded = random_int(random, 0, 1);
    for (int d = 0; d < p->spatial; d++) {
        const int64_t most = (p->stride[d] > p->dilation[d] ? p->stride[d] : p->dilation[d]) - 1;
        p->output_padding[d] = padded ? random_int(random, 0, most) : 0;
        const int64_t full =
            p->stride[d] * (p->in[d] - 1) + p->output_padding[d] + (p->kernel[d] - 1) * p->dilation[d] + 1;
        if (shaped || same) {
            p->out[d] = same ? p->in[d] * p->stride[d] : random_int(random, 1, full + 3);
            halve(p, d, full > p->out[d] ? full - p->out[d] : 0, upper);
            p->output_shape[d] = p->out[d];
            continue;
        }
        p->pad_begin[d] = mode == 3 ? 0 : random_int(random, 0, 3);
        p->pad_end[d] = mode == 3 ? 0 : random_int(random, 0, 3);
        p->out[d] = full - p->pad_begin[d] - p->pad_end[d];
        if (p->out[d] < 1)
            return false;
    }
    if (mode >= 1 && mode <= 3)
        test_node_text(&p->node, "auto_pad", auto_pads[mode]);
    if (mode == 5)
        test_node_text(&p->node, "auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER");
    if (shaped)
        test_node_ints(&p->node, "output_shape", p->output_shape, (size_t)p->spatial);
    if (padded)
        test_node_ints(&p->node, "output_padding", p->output_padding, (size_t)p->spatial);
    if (mode == 0 || mode > 5)
        set_pads(p);
    return true;
}

static void choose_sizes(struct problem *p, struct random *random) {
    static const int64_t channel_choices[] = {1, 2, 3, 5, 7, 16, 17};
    p->spatial = (int)random_int(random, 1, 3);
    p->batch = random_int(random, 1, 3);
    p->group = random_int(random, 0, 2) ? 1 : random_int(random, 1, 4);
    p->in_channels = channel_choices[random_int(random, 0, 6)];
    p->out_channels = channel_choices[random_int(random, 0, 6)];
    p->bias = random_int(random, 0, 1);
    for (int d = 0; d < p->spatial; d++) {
        p->in[d] = random_int(random, 1, p->spatial == 1 ? 70 : p->spatial == 2 ? 12 : 5);
        if (p->spatial == 1 && random_int(random, 0, 9) == 0)
            p->in[d] = random_int(random, 250, 900); /* several blocks */
        p->kernel[d] = random_int(random, 1, p->spatial == 3 ? 3 : 5);
        p->stride[d] = random_int(random, 1, 4);
        p->dilation[d] = random_int(random, 1, 3);
    }
}

static struct tensor *random_tensor(struct random *random, int64_t first, int64_t second, int spatial,
                                    const int64_t *sizes) {
    struct shape shape = {.rank = 2 + spatial, .dims = {first, second}};
    for (int d = 0; d < spatial; d++)
        shape.dims[2 + d] = sizes[d];
    struct tensor *tensor = test_tensor_shape(DTYPE_FLOAT, &shape);
    test_fill(tensor, random);
    return tensor;
}

/* Attributes that equal their default are sometimes left out. */
static void set_lists(struct problem *p, struct random *random) {
    const size_t count = (size_t)p->spatial;
    const bool plain = random_int(random, 0, 3) == 0;
    for (int d = 0; plain && d < p->spatial; d++)
        p->stride[d] = p->dilation[d] = 1;
    if (!plain) {
        test_node_ints(&p->node, "strides", p->stride, count);
        test_node_ints(&p->node, "dilations", p->dilation, count);
    }
    if (random_int(random, 0, 1))
        test_node_ints(&p->node, "kernel_shape", p->kernel, count);
    if (p->group > 1 || random_int(random, 0, 1))
        test_node_int(&p->node, "group", p->group);
}

static bool make_problem(struct problem *p, bool transposed, struct random *random) {
    memset(p, 0, sizeof *p);
    choose_sizes(p, random);
    p->transposed = transposed;
    test_node_init(&p->node, transposed ? "ConvTranspose" : "Conv", p->bias ? 3 : 2, 1);
    set_lists(p, random);
    if (!(transposed ? choose_transposed_padding(p, random) : choose_conv_padding(p, random)))
        return false;
    const int64_t inputs = p->group * p->in_channels, outputs = p->group * p->out_channels;
    p->x = random_tensor(random, p->batch, inputs, p->spatial, p->in);
    p->w = random_tensor(random, transposed ? inputs : outputs, transposed ? p->out_channels : p->in_channels,
                         p->spatial, p->kernel);
    p->b = random_tensor(random, outputs, 1, 0, NULL);
    p->b->shape = (struct shape){1, {outputs}};
    return true;
}

static void free_problem(struct problem *p) {
    test_tensor_free(p->x);
    test_tensor_free(p->w);
    test_tensor_free(p->b);
}

static void check_shape(const struct problem *p, const struct tensor *y, int number) {
    struct shape expected = {.rank = 2 + p->spatial, .dims = {p->batch, p->group * p->out_channels}};
    memcpy(expected.dims + 2, p->out, (size_t)p->spatial * sizeof *p->out);
    char a[SHAPE_TEXT_BYTES], b[SHAPE_TEXT_BYTES];
    if (!shape_equal(&y->shape, &expected))
        fail_msg("case %d (seed %llu): output is %s, expected %s", number, (unsigned long long)test_seed(),
                 shape_text(&y->shape, a), shape_text(&expected, b));
}

static void check_problem(const struct problem *p, int number) {
    const struct tensor *inputs[] = {p->x, p->w, p->b};
    struct tensor y, *outputs[] = {&y};
    char what[64];
    test_evaluate(&p->node, 11, inputs, outputs);
    check_shape(p, &y, number);
    double *expected = reference(p);
    snprintf(what, sizeof what, "%s case %d", p->node.node.op_type, number);
    test_close(y.data, expected, (size_t)tensor_elements(&y), 1e-5, 1e-5 * (double)p->in_channels, what);
    free(expected);
    free(y.data);
}

static void run_random(bool transposed, int cases, uint64_t salt) {
    struct random random = random_from(test_seed() + salt);
    for (int done = 0; done < cases;) {
        struct problem problem;
        if (!make_problem(&problem, transposed, &random))
            continue;
        check_problem(&problem, done);
        free_problem(&problem);
        done++;
    }
}

static void test_conv_random(void **unused) {
    (void)unused;
    run_random(false, test_cases(CONV_CASES), 1);
}

static void test_transpose_random(void **unused) {
    (void)unused;
    run_random(true, test_cases(TRANSPOSE_CASES), 2);
}

/* Deep enough for several slices of the depth and wide enough for several blocks; threads and batch rows change no bit.
 */
static void test_same_bits(void **unused) {
    (void)unused;
    for (int transposed = 0; transposed < 2; transposed++) {
        struct random random = random_from(test_seed() + 3);
        struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 70, 25, 31),
                      *twice = test_tensor(DTYPE_FLOAT, 4, 3, 70, 25, 31);
        struct tensor *w =
            transposed ? test_tensor(DTYPE_FLOAT, 4, 70, 300, 3, 3) : test_tensor(DTYPE_FLOAT, 4, 300, 70, 3, 3);
        test_fill(x, &random);
        test_fill(w, &random);
        for (int i = 0; i < 3; i++)
            memcpy((char *)twice->data + (size_t)i * x->bytes, x->data, x->bytes);
        struct test_node node;
        const int64_t strides[] = {2, 2};
        test_node_init(&node, transposed ? "ConvTranspose" : "Conv", 2, 1);
        test_node_ints(&node, "strides", strides, 2);
        struct tensor one, many, *one_list[] = {&one}, *many_list[] = {&many};
        const struct tensor *one_in[] = {x, w}, *many_in[] = {twice, w};
        struct error err;
        assert_int_equal(op_evaluate(&node.node, 11, one_in, one_list, test_kernels(), 1, SIZE_MAX, &err), STATUS_OK);
        assert_int_equal(op_evaluate(&node.node, 11, many_in, many_list, test_kernels(), 3, SIZE_MAX, &err), STATUS_OK);
        for (int i = 0; i < 3; i++)
            assert_memory_equal((char *)many.data + (size_t)i * one.bytes, one.data, one.bytes);
        free(one.data);
        free(many.data);
        test_tensor_free(x);
        test_tensor_free(twice);
        test_tensor_free(w);
    }
}

/* The message of a node that must fail. */
static void expect_failure(const struct test_node *node, const struct tensor *const *inputs, status code,
                           const char *part) {
    struct tensor y, *outputs[] = {&y};
    struct error err = {0};
    const status actual = op_evaluate(&node->node, 11, inputs, outputs, test_kernels(), 1, SIZE_MAX, &err);
    if (actual != code || !strstr(err.message, part))
        fail_msg("status %d \"%s\", expected %d with \"%s\"", (int)actual, err.message, (int)code, part);
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 32, 16, 16), *w = test_tensor(DTYPE_FLOAT, 4, 64, 16, 3, 3);
    struct tensor *square = test_tensor(DTYPE_FLOAT, 4, 32, 32, 3, 3), *wrong = test_tensor(DTYPE_FLOAT, 1, 5);
    const struct tensor *channels[] = {x, w}, *bias[] = {x, square, wrong}, *good[] = {x, square};
    const int64_t zero[] = {0, 1}, two[] = {2, 2}, huge[] = {INT64_MAX, 1}, negative[] = {-1, 0, 0, 0},
                  far[] = {40, 40};
    struct test_node node;

    test_node_init(&node, "ConvTranspose", 2, 1);
    expect_failure(&node, channels, STATUS_SHAPE, "input 1 (W) [64,16,3,3] has 64 input channels, expected 32");
    test_node_init(&node, "Conv", 2, 1);
    expect_failure(&node, channels, STATUS_SHAPE, "has 16 input channels, expected 32");
    test_node_init(&node, "Conv", 3, 1);
    expect_failure(&node, bias, STATUS_SHAPE, "input 2 (B) is [5], expected [32]");
    test_node_init(&node, "Conv", 2, 1);
    test_node_ints(&node, "strides", zero, 2);
    expect_failure(&node, good, STATUS_INVALID_MODEL, "\"strides\"[0] is 0");
    test_node_init(&node, "Conv", 2, 1);
    test_node_ints(&node, "dilations", huge, 2);
    expect_failure(&node, good, STATUS_LIMIT, "\"dilations\"[0]");
    test_node_init(&node, "Conv", 2, 1);
    test_node_ints(&node, "pads", negative, 4);
    expect_failure(&node, good, STATUS_INVALID_MODEL, "\"pads\"[0] is -1");
    test_node_init(&node, "Conv", 2, 1);
    test_node_ints(&node, "dilations", far, 2);
    expect_failure(&node, good, STATUS_SHAPE, "reaches over 81 inputs");
    test_node_init(&node, "ConvTranspose", 2, 1);
    test_node_ints(&node, "output_padding", two, 2);
    expect_failure(&node, good, STATUS_INVALID_MODEL, "\"output_padding\"[0] is 2");
    test_node_init(&node, "Conv", 2, 1);
    test_node_text(&node, "auto_pad", "SAME");
    expect_failure(&node, good, STATUS_UNSUPPORTED, "expected one of");
    test_node_init(&node, "Conv", 2, 1);
    test_node_int(&node, "strides", 2);
    expect_failure(&node, good, STATUS_INVALID_MODEL, "is of type int, expected ints");
    test_node_init(&node, "Conv", 2, 1);
    test_node_int(&node, "sparkle", 2);
    expect_failure(&node, good, STATUS_UNSUPPORTED, "\"sparkle\" is not known");
    test_node_init(&node, "Conv", 2, 1);
    test_node_int(&node, "group", 3);
    expect_failure(&node, good, STATUS_SHAPE, "channels");

    test_tensor_free(x);
    test_tensor_free(w);
    test_tensor_free(square);
    test_tensor_free(wrong);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_conv_random), cmocka_unit_test(test_transpose_random),
                                       cmocka_unit_test(test_same_bits), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
