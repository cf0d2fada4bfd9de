/* Types of eight bits and less, and the operators that quantize, beside plain arithmetic in double precision. */
#include "tests/support/support.h"

#include "base/small_types.h"
#include "ops/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- small types ---- */

static const enum dtype float_types[] = {DTYPE_FLOAT8E4M3FN, DTYPE_FLOAT8E4M3FNUZ, DTYPE_FLOAT8E5M2,
                                         DTYPE_FLOAT8E5M2FNUZ, DTYPE_FLOAT4E2M1};

/* Every code comes back; what lies between two neighbours goes to the nearer one, ties to the even code. */
static void codes_round_to_nearest(void **state) {
    (void)state;
    const struct small_rounding saturating = {true, E8M0_UP};
    for (size_t t = 0; t < 5; t++) {
        const enum dtype dtype = float_types[t];
        const int half = 1 << (dtype_bits(dtype) - 1);
        for (int code = 0; code + 1 < half; code++) {
            const double x = (double)small_float_decode(dtype, (uint8_t)code);
            const double next = (double)small_float_decode(dtype, (uint8_t)(code + 1));
            if (!isfinite(x))
                continue;
            assert_int_equal(small_float_encode(dtype, x, &saturating), code);
            if (!isfinite(next))
                continue;
            const double middle = (x + next) / 2, little = (next - x) / 1000;
            assert_true(next > x);
            assert_int_equal(small_float_encode(dtype, middle, &saturating), code % 2 ? code + 1 : code);
            assert_int_equal(small_float_encode(dtype, middle - little, &saturating), code);
            assert_int_equal(small_float_encode(dtype, middle + little, &saturating), code + 1);
            if (code > 0)
                assert_int_equal(small_float_encode(dtype, -x, &saturating), code | half);
        }
    }
}

/* The table of ONNX's Cast. */
static void specials_follow_the_specification(void **state) {
    (void)state;
    static const struct {
        enum dtype dtype;
        double largest;
        uint8_t top, infinite, minus_zero, nan;
    } rows[] = {{DTYPE_FLOAT8E4M3FN, 448, 0x7e, 0x7f, 0x80, 0x7f},
                {DTYPE_FLOAT8E4M3FNUZ, 240, 0x7f, 0x80, 0x00, 0x80},
                {DTYPE_FLOAT8E5M2, 57344, 0x7b, 0x7c, 0x80, 0x7e},
                {DTYPE_FLOAT8E5M2FNUZ, 57344, 0x7f, 0x80, 0x00, 0x80}};
    const struct small_rounding saturating = {true, E8M0_UP}, other = {false, E8M0_UP};
    for (size_t i = 0; i < 4; i++) {
        assert_true((double)small_float_decode(rows[i].dtype, rows[i].top) == rows[i].largest);
        assert_int_equal(small_float_encode(rows[i].dtype, (double)INFINITY, &saturating), rows[i].top);
        assert_int_equal(small_float_encode(rows[i].dtype, 1e30, &saturating), rows[i].top);
        assert_int_equal(small_float_encode(rows[i].dtype, (double)INFINITY, &other), rows[i].infinite);
        assert_int_equal(small_float_encode(rows[i].dtype, rows[i].largest * 1.2, &other), rows[i].infinite);
        assert_int_equal(small_float_encode(rows[i].dtype, -0.0, &other), rows[i].minus_zero);
        assert_int_equal(small_float_encode(rows[i].dtype, (double)NAN, &saturating), rows[i].nan);
        assert_true(isnan(small_float_decode(rows[i].dtype, rows[i].nan)));
    }
}

static void packing_comes_back(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_INT4, DTYPE_UINT4, DTYPE_INT2, DTYPE_UINT2, DTYPE_FLOAT4E2M1, DTYPE_INT8};
    struct random random = random_from(test_seed());
    uint8_t codes[40], packed[40], back[40];
    for (int round = 0; round < 60; round++) {
        const enum dtype dtype = types[round % 6];
        const size_t count = (size_t)random_int(&random, 1, 40),
                     first = (size_t)random_int(&random, 0, (int64_t)count - 1);
        for (size_t i = 0; i < count; i++)
            codes[i] = (uint8_t)(random_next(&random) & ((1u << dtype_bits(dtype)) - 1));
        small_pack(dtype, codes, 0, packed, count);
        small_unpack(dtype, packed, first, back, count - first);
        assert_memory_equal(back, codes + first, count - first);
    }
    assert_int_equal(small_integer(DTYPE_INT4, 0xf), -1);
    assert_int_equal(small_integer(DTYPE_UINT2, 3), 3);
    assert_int_equal(small_integer(DTYPE_INT2, 2), -2);
}

/* ---- operators ---- */

static double element(const struct tensor *tensor, int64_t i) {
    uint8_t code;
    switch (tensor->dtype) {
    case DTYPE_FLOAT:
        return (double)((const float *)tensor->data)[i];
    case DTYPE_INT32:
        return ((const int32_t *)tensor->data)[i];
    case DTYPE_INT8:
        return ((const int8_t *)tensor->data)[i];
    case DTYPE_UINT8:
        return ((const uint8_t *)tensor->data)[i];
    default:
        small_unpack(tensor->dtype, tensor->data, (size_t)i, &code, 1);
        return small_integer(tensor->dtype, code);
    }
}

static struct tensor *random_tensor(struct random *random, enum dtype dtype, int rank, int a, int b, int c, int d) {
    struct tensor *tensor = test_tensor(dtype, rank, a, b, c, d);
    if (dtype == DTYPE_FLOAT)
        test_fill(tensor, random);
    else
        for (size_t i = 0; i < tensor->bytes; i++)
            ((uint8_t *)tensor->data)[i] = (uint8_t)random_next(random);
    return tensor;
}

static struct tensor *number(enum dtype dtype, double value) {
    struct tensor *tensor = test_tensor(dtype, 0);
    if (dtype == DTYPE_FLOAT)
        *(float *)tensor->data = (float)value;
    else
        *(uint8_t *)tensor->data = (uint8_t)(int)value;
    return tensor;
}

static void evaluate(const char *op, int opset, const int64_t *axis_and_block, struct tensor *const *inputs, int count,
                     struct tensor *output) {
    struct test_node test;
    struct tensor *outputs[] = {output};
    test_node_init(&test, op, count, 1);
    if (axis_and_block) {
        test_node_int(&test, "axis", axis_and_block[0]);
        test_node_int(&test, "block_size", axis_and_block[1]);
    }
    test_evaluate(&test, opset, (const struct tensor *const *)inputs, outputs);
}

static int64_t ceiling(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* x [2,5,3,4] with blocks along axis 1, or a scale for each of its indices, or one: quantized, and back. */
static void check_linear(struct random *random, enum dtype dtype, int granularity) {
    const int64_t block = granularity == 2 ? 2 : 0, attributes[] = {1, block};
    const int scales = granularity == 2 ? (int)ceiling(5, block) : granularity == 1 ? 5 : 1;
    const int rank = granularity == 2 ? 4 : granularity == 1 ? 1 : 0;
    const bool four = granularity == 2;
    struct tensor *x = random_tensor(random, DTYPE_FLOAT, 4, 2, 5, 3, 4);
    struct tensor *scale = random_tensor(random, DTYPE_FLOAT, rank, four ? 2 : scales, scales, 3, 4);
    struct tensor *zero = random_tensor(random, dtype, rank, four ? 2 : scales, scales, 3, 4), q = {0}, back = {0};
    const int bits = (int)dtype_bits(dtype), low = dtype == DTYPE_INT8 || dtype == DTYPE_INT4 ? -(1 << (bits - 1)) : 0;
    for (int64_t i = 0; i < tensor_elements(scale); i++)
        ((float *)scale->data)[i] = 0.02f + fabsf(((float *)scale->data)[i]);
    struct tensor *inputs[] = {x, scale, zero}, *again[] = {&q, scale, zero};
    evaluate("QuantizeLinear", 23, attributes, inputs, 3, &q);
    evaluate("DequantizeLinear", 23, attributes, again, 3, &back);
    for (int64_t i = 0; i < 120; i++) {
        const int64_t d = i / 12 % 5;
        const int64_t at = granularity == 0 ? 0 : granularity == 1 ? d : (i / 60 * scales + d / block) * 12 + i % 12;
        const double s = element(scale, at), z = element(zero, at);
        const double expected =
            fmin(fmax(rint((double)((float)element(x, i) / (float)s)) + z, low), low + (1 << bits) - 1);
        if (element(&q, i) != expected)
            fail_msg("%s, granularity %d: element %d is %g, expected %g", dtype_name(dtype), granularity, (int)i,
                     element(&q, i), expected);
        assert_true(fabs(element(&back, i) - (expected - z) * s) <= 1e-5);
    }
    free(q.data);
    free(back.data);
    test_tensor_free(x);
    test_tensor_free(scale);
    test_tensor_free(zero);
}

static void linear_quantization(void **state) {
    (void)state;
    static const enum dtype types[] = {DTYPE_UINT8, DTYPE_INT8, DTYPE_UINT4, DTYPE_INT4, DTYPE_UINT2};
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(30); i++)
        check_linear(&random, types[i % 5], i % 3);
}

/* A [b,m,k] by B [k,n], in int32. The depth is long enough at times for sums that wrap. */
static void check_product(struct random *random, int k) {
    const int b = (int)random_int(random, 1, 3), m = (int)random_int(random, 1, k > 100 ? 6 : 30);
    const int n = (int)random_int(random, 1, k > 100 ? 9 : 300);
    const enum dtype left = random_int(random, 0, 1) ? DTYPE_INT8 : DTYPE_UINT8;
    const enum dtype right = k > 10000 || random_int(random, 0, 1) ? DTYPE_UINT8 : DTYPE_INT8;
    struct tensor *a = random_tensor(random, left, 3, b, m, k, 0), *w = random_tensor(random, right, 2, k, n, 0, 0);
    struct tensor *a_zero = number(left, 7), *w_zero = random_tensor(random, right, 1, n, 0, 0, 0), y = {0};
    struct tensor *inputs[] = {a, w, a_zero, w_zero};
    if (k > 10000) { /* the largest terms */
        memset(a->data, left == DTYPE_INT8 ? 0x80 : 0xff, a->bytes);
        memset(w->data, 0xff, w->bytes);
        memset(w_zero->data, 0, w_zero->bytes);
    }
    evaluate("MatMulInteger", 10, NULL, inputs, 4, &y);
    for (int64_t i = 0; i < b * m; i++)
        for (int64_t j = 0; j < n; j++) {
            int64_t sum = 0;
            for (int64_t d = 0; d < k; d++)
                sum += (int64_t)(element(a, i * k + d) - 7) * (int64_t)(element(w, d * n + j) - element(w_zero, j));
            if (((const int32_t *)y.data)[i * n + j] != (int32_t)(uint32_t)(uint64_t)sum)
                fail_msg("seed %llu: [%d,%d] differs", (unsigned long long)test_seed(), (int)i, (int)j);
        }
    free(y.data);
    test_tensor_free(a);
    test_tensor_free(w);
    test_tensor_free(a_zero);
    test_tensor_free(w_zero);
}

static void integer_products(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(20); i++)
        check_product(&random, (int)random_int(&random, 1, 70));
    check_product(&random, 40000);
}

/* X [2,4,7,6] by W [6,2,3,2] in two groups. */
static void integer_convolution(void **state) {
    (void)state;
    static const int64_t pads[] = {1, 0, 2, 1}, strides[] = {2, 1}, dilations[] = {1, 2};
    struct random random = random_from(test_seed());
    struct tensor *x = random_tensor(&random, DTYPE_UINT8, 4, 2, 4, 7, 6),
                  *w = random_tensor(&random, DTYPE_INT8, 4, 6, 2, 3, 2);
    struct tensor *x_zero = number(DTYPE_UINT8, 131), *w_zero = number(DTYPE_INT8, -3), y = {0}, *outputs[] = {&y};
    const struct tensor *inputs[] = {x, w, x_zero, w_zero};
    struct test_node test;
    test_node_init(&test, "ConvInteger", 4, 1);
    test_node_int(&test, "group", 2);
    test_node_ints(&test, "pads", pads, 4);
    test_node_ints(&test, "strides", strides, 2);
    test_node_ints(&test, "dilations", dilations, 2);
    test_evaluate(&test, 10, inputs, outputs);
    const int height = 4, width = 5;
    assert_int_equal(tensor_elements(&y), 2 * 6 * height * width);
    for (int i = 0; i < 2 * 6 * height * width; i++) {
        const int column = i % width, row = i / width % height, m = i / width / height % 6,
                  image = i / width / height / 6;
        int sum = 0;
        for (int k = 0; k < 12; k++) {
            const int in_y = row * 2 - 1 + k / 2 % 3, in_x = column + k % 2 * 2, channel = m / 3 * 2 + k / 6;
            if (in_y >= 0 && in_y < 7 && in_x >= 0 && in_x < 6)
                sum += ((int)element(x, ((image * 4 + channel) * 7 + in_y) * 6 + in_x) - 131) *
                       ((int)element(w, m * 12 + k) + 3);
        }
        assert_int_equal(((const int32_t *)y.data)[i], sum);
    }
    free(y.data);
    test_tensor_free(x);
    test_tensor_free(w);
    test_tensor_free(x_zero);
    test_tensor_free(w_zero);
}

/* A convolution in `spatial` dimensions. */
struct layer {
    int spatial, batch, groups, in, out; /* channels of a group */
    int64_t size[3], kernel[3], strides[3], dilations[3], pads[6], outputs[3];
    enum dtype x, w;
    int x_zero;
};

/* Groups of one channel, wide and high enough for several vectors and bands. */
static void make_depthwise(struct random *random, struct layer *l) {
    l->in = l->out = 1;
    l->spatial = (int)random_int(random, 1, 2);
    l->groups = (int)random_int(random, 1, 5);
}

static struct layer random_layer(struct random *random, bool depthwise) {
    struct layer l = {.spatial = (int)random_int(random, 1, 3),
                      .batch = (int)random_int(random, 1, 2),
                      .groups = (int)random_int(random, 1, 3),
                      .in = (int)random_int(random, 1, 9),
                      .out = (int)random_int(random, 1, 30),
                      .x = random_int(random, 0, 1) ? DTYPE_INT8 : DTYPE_UINT8,
                      .w = random_int(random, 0, 1) ? DTYPE_INT8 : DTYPE_UINT8};
    l.x_zero = (int)random_int(random, 0, 255) - (l.x == DTYPE_INT8 ? 128 : 0);
    if (depthwise)
        make_depthwise(random, &l);
    const bool large = depthwise && random_int(random, 0, 9) == 0;
    for (int d = 0; d < 3; d++) {
        const bool real = d >= 3 - l.spatial;
        l.kernel[d] = real ? random_int(random, 1, depthwise ? 7 : 4) : 1;
        l.strides[d] = real ? random_int(random, 1, depthwise ? 5 : 3) : 1;
        l.dilations[d] = real && !(depthwise && d == 2) ? random_int(random, 1, 3) : 1;
        l.pads[d] = real ? random_int(random, 0, 3) : 0;
        l.pads[3 + d] = real ? random_int(random, 0, 3) : 0;
        const int64_t window = (l.kernel[d] - 1) * l.dilations[d] + 1;
        l.size[d] = real ? random_int(random, 1, large ? 130 * d : d == 2 ? 40 : 7) : 1;
        if (l.size[d] + l.pads[d] + l.pads[3 + d] < window)
            l.size[d] = window;
        l.outputs[d] = (l.size[d] + l.pads[d] + l.pads[3 + d] - window) / l.strides[d] + 1;
    }
    return l;
}

static double layer_sum(const struct layer *l, const struct tensor *x, const struct tensor *w,
                        const struct tensor *zeros, int image, int output, int64_t position) {
    const int64_t at[3] = {position / l->outputs[2] / l->outputs[1], position / l->outputs[2] % l->outputs[1],
                           position % l->outputs[2]};
    const int64_t taps = l->kernel[0] * l->kernel[1] * l->kernel[2];
    double sum = 0;
    for (int64_t k = 0; k < l->in * taps; k++) {
        const int64_t tap = k % taps, channel = output / l->out * l->in + k / taps;
        const int64_t tap_at[3] = {tap / l->kernel[2] / l->kernel[1], tap / l->kernel[2] % l->kernel[1],
                                   tap % l->kernel[2]};
        int64_t place = (int64_t)image * l->groups * l->in + channel;
        bool inside = true;
        for (int d = 0; d < 3; d++) {
            const int64_t i = at[d] * l->strides[d] - l->pads[d] + tap_at[d] * l->dilations[d];
            inside = inside && i >= 0 && i < l->size[d];
            place = place * l->size[d] + i;
        }
        if (inside)
            sum += (element(x, place) - l->x_zero) * (element(w, output * l->in * taps + k) - element(zeros, output));
    }
    return sum;
}

static struct tensor *spatial_tensor(struct random *random, enum dtype dtype, const struct layer *l, int first,
                                     int second, const int64_t *size) {
    const int64_t *real = size + 3 - l->spatial;
    struct tensor *t = l->spatial == 1 ? test_tensor(dtype, 3, first, second, (int)real[0])
                       : l->spatial == 2
                           ? test_tensor(dtype, 4, first, second, (int)real[0], (int)real[1])
                           : test_tensor(dtype, 5, first, second, (int)real[0], (int)real[1], (int)real[2]);
    for (size_t i = 0; i < t->bytes; i++)
        ((uint8_t *)t->data)[i] = (uint8_t)random_next(random);
    return t;
}

/* The test keeps pointing to l and pads. */
static void set_attributes(struct test_node *test, const struct layer *l, int64_t pads[6]) {
    const int first = 3 - l->spatial;
    for (int d = 0; d < l->spatial; d++) {
        pads[d] = l->pads[first + d];
        pads[l->spatial + d] = l->pads[3 + first + d];
    }
    test_node_int(test, "group", l->groups);
    test_node_ints(test, "pads", pads, 2 * l->spatial);
    test_node_ints(test, "strides", l->strides + first, l->spatial);
    test_node_ints(test, "dilations", l->dilations + first, l->spatial);
}

/* Weights around 0 (as int8) or anywhere, as constants or not. */
static void check_convolution(struct random *random, bool linear, bool depthwise) {
    const struct layer l = random_layer(random, depthwise);
    const int outputs = l.groups * l.out;
    struct tensor *x = spatial_tensor(random, l.x, &l, l.batch, l.groups * l.in, l.size);
    struct tensor *w = spatial_tensor(random, l.w, &l, outputs, l.in, l.kernel);
    struct tensor *x_zero = number(l.x, l.x_zero), *zeros = random_tensor(random, l.w, 1, outputs, 0, 0, 0);
    struct tensor *x_scale = number(DTYPE_FLOAT, 0.02), *y_scale = number(DTYPE_FLOAT, 3);
    struct tensor *w_scale = test_tensor(DTYPE_FLOAT, 1, outputs), *bias = test_tensor(DTYPE_INT32, 1, outputs);
    struct tensor *y_zero = number(l.x, 100), y = {0}, *results[] = {&y};
    if (random_int(random, 0, 2))
        memset(zeros->data, l.w == DTYPE_INT8 ? 0 : 0x80, zeros->bytes);
    x->constant = false;
    w->constant = zeros->constant = random_int(random, 0, 1);
    for (int m = 0; m < outputs; m++) {
        ((float *)w_scale->data)[m] = 0.01f + 0.001f * (float)m;
        ((int32_t *)bias->data)[m] = (int32_t)random_int(random, -5000, 5000);
    }
    const struct tensor *all[] = {x, x_scale, x_zero, w, w_scale, zeros, y_scale, y_zero, bias};
    const struct tensor *few[] = {x, w, x_zero, zeros};
    struct test_node test;
    int64_t pads[6];
    test_node_init(&test, linear ? "QLinearConv" : "ConvInteger", linear ? 9 : 4, 1);
    set_attributes(&test, &l, pads);
    test_evaluate(&test, 10, linear ? all : few, results);
    const int64_t plane = l.outputs[0] * l.outputs[1] * l.outputs[2];
    assert_int_equal(tensor_elements(&y), l.batch * outputs * plane);
    for (int64_t i = 0; i < l.batch * outputs * plane; i++) {
        const int m = (int)(i / plane % outputs);
        double expected = layer_sum(&l, x, w, zeros, (int)(i / plane / outputs), m, i % plane);
        if (linear) {
            const float scale = 0.02f * ((float *)w_scale->data)[m] / 3.0f;
            const double least = l.x == DTYPE_INT8 ? -128 : 0;
            expected = rint((double)((float)(expected + ((int32_t *)bias->data)[m]) * scale)) + 100;
            expected = fmin(fmax(expected, least), least + 255);
        }
        const double got = linear ? element(&y, i) : (double)((const int32_t *)y.data)[i];
        if (got != expected)
            fail_msg("seed %llu: element %lld is %g, expected %g", (unsigned long long)test_seed(), (long long)i, got,
                     expected);
    }
    free(y.data);
    struct tensor *own[] = {x, w, x_zero, zeros, x_scale, y_scale, w_scale, bias, y_zero};
    for (int i = 0; i < 9; i++)
        test_tensor_free(own[i]);
}

static void random_convolutions(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(60); i++)
        check_convolution(&random, i % 2 != 0, false);
    for (int i = 0; i < test_cases(60); i++)
        check_convolution(&random, true, true);
}

/* A scale and zero point for each number of the last axis, of which there are more than are taken at a time. */
static void last_axis(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(12); i++) {
        const enum dtype dtype = i % 2 ? DTYPE_INT8 : DTYPE_UINT8;
        const int rows = (int)random_int(&random, 1, 5), columns = (int)random_int(&random, 1, i % 3 ? 70 : 3000);
        struct tensor *x = random_tensor(&random, dtype, 2, rows, columns, 0, 0), y = {0};
        struct tensor *zeros = random_tensor(&random, dtype, 1, columns, 0, 0, 0);
        struct tensor *scales = test_tensor(DTYPE_FLOAT, 1, columns);
        for (int c = 0; c < columns; c++)
            ((float *)scales->data)[c] = 0.01f + 0.001f * (float)c;
        evaluate("DequantizeLinear", 13, NULL, (struct tensor *[]){x, scales, zeros}, i % 4 ? 3 : 2, &y);
        for (int k = 0; k < rows * columns; k++) {
            const double zero = i % 4 ? element(zeros, k % columns) : 0;
            assert_true(((float *)y.data)[k] == (float)(element(x, k) - zero) * ((float *)scales->data)[k % columns]);
        }
        free(y.data);
        test_tensor_free(x);
        test_tensor_free(zeros);
        test_tensor_free(scales);
    }
}

/* The range is that of all numbers and 0; what is not a number does not count. */
static void range_of_numbers(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < test_cases(40); i++) {
        const int count = (int)random_int(&random, 1, 90);
        struct tensor *x = test_tensor(DTYPE_FLOAT, 1, count), y[3] = {{0}}, *outputs[] = {&y[0], &y[1], &y[2]};
        float low = 0, high = 0;
        for (int k = 0; k < count; k++) {
            const float v = (float)random_int(&random, i % 3 == 1 ? 3 : -900, i % 3 == 2 ? -1 : 900) / 7;
            ((float *)x->data)[k] = random_int(&random, 0, 20) ? v : NAN;
            low = fminf(low, ((float *)x->data)[k]);
            high = fmaxf(high, ((float *)x->data)[k]);
        }
        struct test_node test;
        test_node_init(&test, "DynamicQuantizeLinear", 1, 3);
        test_evaluate(&test, 11, (const struct tensor *[]){x}, outputs);
        const float scale = high > low ? (high - low) / 255 : 1;
        assert_true(*(float *)y[1].data == scale);
        assert_int_equal(*(uint8_t *)y[2].data, (int)rintf(-low / scale));
        for (int k = 0; k < 3; k++)
            free(y[k].data);
        test_tensor_free(x);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_round_to_nearest), cmocka_unit_test(specials_follow_the_specification),
        cmocka_unit_test(packing_comes_back),     cmocka_unit_test(linear_quantization),
        cmocka_unit_test(integer_products),       cmocka_unit_test(integer_convolution),
        cmocka_unit_test(random_convolutions),    cmocka_unit_test(last_axis),
        cmocka_unit_test(range_of_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
