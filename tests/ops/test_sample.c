/* Operators that look pictures up at places: against the formulas of the specification, in double precision. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- GridSample ---- */

static const char *const modes[] = {"linear", "nearest", "cubic"};
static const char *const paddings[] = {"zeros", "border", "reflection"};

struct grid {
    int mode, padding, axes;
    bool corners;
};

static double reflected(double x, double low, double high) {
    while (high > low && (x < low || x > high))
        x = x < low ? 2 * low - x : 2 * high - x;
    return high > low ? x : low;
}

/* Element i of a dimension, or -1. */
static int64_t element(const struct grid *g, double i, int64_t size) {
    const double last = (double)(size - 1);
    if (g->padding == 2)
        i = g->corners ? reflected(i, 0, last) : trunc(reflected(i, -0.5, last + 0.5));
    if (g->padding != 0)
        i = fmin(fmax(i, 0), last);
    return i >= 0 && i <= last ? (int64_t)i : -1;
}

static double keys(double x) {
    x = fabs(x);
    return x <= 1 ? 1.25 * x * x * x - 2.25 * x * x + 1 : x < 2 ? -0.75 * x * x * x + 3.75 * x * x - 6 * x + 3 : 0;
}

/* How much of every element an axis gives. */
static void axis_weights(const struct grid *g, double number, int64_t size, double *weights) {
    double x = g->corners ? (number + 1) / 2 * (double)(size - 1) : ((number + 1) * (double)size - 1) / 2;
    memset(weights, 0, (size_t)size * sizeof *weights);
    if (g->mode == 1)
        x = nearbyint(x);
    if (g->padding == 1 && g->mode != 2)
        x = fmin(fmax(x, 0), (double)(size - 1));
    if (g->padding == 2)
        x = g->corners ? reflected(x, 0, (double)(size - 1)) : reflected(x, -0.5, (double)size - 0.5);
    if (g->mode == 1)
        x = trunc(x);
    for (double i = floor(x) - 1; i <= floor(x) + 2; i++) {
        const double distance = fabs(x - i);
        const double weight = g->mode == 1 ? distance == 0 : g->mode == 0 ? fmax(0, 1 - distance) : keys(distance);
        if (weight != 0 && element(g, i, size) >= 0)
            weights[element(g, i, size)] += weight;
    }
}

static double grid_expected(const struct grid *g, const struct tensor *x, const struct tensor *grid, int64_t o,
                            const struct shape *y) {
    double weights[3][16], sum = 0;
    int64_t places = 1, plane = 1;
    for (int d = 0; d < g->axes; d++) {
        places *= y->dims[2 + d];
        plane *= x->shape.dims[2 + d];
    }
    const int64_t n = o / places / y->dims[1], place = n * places + o % places;
    for (int d = 0; d < g->axes; d++)
        axis_weights(g, number_get(grid, (place + 1) * g->axes - 1 - d), x->shape.dims[2 + d], weights[d]);
    for (int64_t i = 0; i < plane; i++) {
        double weight = 1;
        int64_t rest = i;
        for (int d = g->axes - 1; d >= 0; d--) {
            weight *= weights[d][rest % x->shape.dims[2 + d]];
            rest /= x->shape.dims[2 + d];
        }
        sum += weight * number_get(x, o / places * plane + i);
    }
    return sum;
}

static void check_grid(struct grid *g, enum dtype dtype, struct random *random) {
    struct shape x_shape = {g->axes + 2, {2, 3}}, grid_shape = {g->axes + 2, {2}};
    for (int d = 0; d < g->axes; d++) {
        x_shape.dims[2 + d] = random_int(random, 1, 7);
        grid_shape.dims[1 + d] = random_int(random, 1, 9);
    }
    grid_shape.dims[g->axes + 1] = g->axes;
    struct tensor *x = test_tensor_shape(dtype, &x_shape), *grid = test_tensor_shape(DTYPE_DOUBLE, &grid_shape);
    const struct tensor *inputs[] = {x, grid};
    struct test_node node;
    number_fill(x, random, 0, 100);
    for (int64_t i = 0; i < tensor_elements(grid); i++) /* no halves, which fall to one side or the other */
        ((double *)grid->data)[i] = (double)random_int(random, -200, 200) / 97.3;
    test_node_init(&node, "GridSample", 2, 1);
    test_node_text(&node, "mode", modes[g->mode]);
    test_node_text(&node, "padding_mode", paddings[g->padding]);
    test_node_int(&node, "align_corners", g->corners);
    struct tensor *y = test_run_all_ways(&node, 20, inputs);
    for (int64_t i = 0; i < tensor_elements(y); i++) {
        double expected = grid_expected(g, x, grid, i, &y->shape);
        if (dtype == DTYPE_UINT8)
            expected = fmin(fmax(expected, 0), 255);
        test_number(y, i, expected, 0,
                    dtype == DTYPE_UINT8    ? 0.501
                    : dtype == DTYPE_DOUBLE ? 1e-9
                                            : 1e-3,
                    "GridSample");
    }
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(grid);
}

static void test_grid(void **state) {
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_UINT8};
    struct random random = random_from(test_seed() + 81);
    (void)state;
    for (int i = 0; i < test_cases(108); i++) {
        struct grid g = {i % 3, i / 3 % 3, (int)random_int(&random, 1, 3), i / 9 % 2};
        check_grid(&g, types[i / 18 % 3], &random);
    }
}

/* ---- DeformConv ---- */

struct deform {
    int64_t n, in, out, height, width, kernel, group, offset_group, pad;
};

static double bilinear(const struct tensor *x, int64_t plane, const struct deform *d, double row, double column) {
    double sum = 0;
    for (int64_t r = 0; r < d->height; r++)
        for (int64_t c = 0; c < d->width; c++)
            sum += fmax(0, 1 - fabs(row - (double)r)) * fmax(0, 1 - fabs(column - (double)c)) *
                   number_get(x, (plane * d->height + r) * d->width + c);
    return sum;
}

static double deform_expected(const struct deform *d, const struct tensor *const *inputs, const struct shape *y,
                              int64_t o) {
    const int64_t plane = y->dims[2] * y->dims[3], place = o % plane, n = o / plane / d->out, m = o / plane % d->out;
    const int64_t per_group = d->in / d->group, taps = d->kernel * d->kernel;
    double sum = inputs[3] ? number_get(inputs[3], m) : 0;
    for (int64_t c = 0; c < per_group; c++)
        for (int64_t t = 0; t < taps; t++) {
            const int64_t channel = m / (d->out / d->group) * per_group + c;
            const int64_t at = (n * d->offset_group + channel / (d->in / d->offset_group)) * taps + t;
            const double dy = number_get(inputs[2], 2 * at * plane + place);
            const double dx = number_get(inputs[2], (2 * at + 1) * plane + place);
            const double mask = inputs[4] ? number_get(inputs[4], at * plane + place) : 1;
            const int64_t tap_row = place / y->dims[3] - d->pad + t / d->kernel;
            const int64_t tap_column = place % y->dims[3] - d->pad + t % d->kernel;
            const double row = (double)tap_row + dy, column = (double)tap_column + dx;
            sum += number_get(inputs[1], (m * per_group + c) * taps + t) * mask *
                   bilinear(inputs[0], n * d->in + channel, d, row, column);
        }
    return sum;
}

static void check_deform(enum dtype dtype, struct random *random) {
    const int64_t groups = random_int(random, 1, 2), offsets = random_int(random, 1, 2);
    const struct deform d = {random_int(random, 1, 2),
                             2 * random_int(random, 1, random_int(random, 0, 9) ? 12 : 72),
                             2 * random_int(random, 1, 9),
                             random_int(random, 3, 8),
                             random_int(random, 3, 8),
                             random_int(random, 1, 3),
                             groups,
                             offsets,
                             random_int(random, 0, 1)};
    const int h = (int)(d.height + 2 * d.pad - d.kernel + 1), w = (int)(d.width + 2 * d.pad - d.kernel + 1);
    const int taps = (int)(d.kernel * d.kernel);
    struct tensor *x = test_tensor(dtype, 4, (int)d.n, (int)d.in, (int)d.height, (int)d.width);
    struct tensor *weights = test_tensor(dtype, 4, (int)d.out, (int)(d.in / groups), (int)d.kernel, (int)d.kernel);
    struct tensor *offset = test_tensor(dtype, 4, (int)d.n, (int)offsets * taps * 2, h, w);
    struct tensor *bias = test_tensor(dtype, 1, (int)d.out),
                  *mask = test_tensor(dtype, 4, (int)d.n, (int)offsets * taps, h, w);
    const bool more = random_int(random, 0, 1);
    const struct tensor *inputs[] = {x, weights, offset, more ? bias : NULL, more ? mask : NULL};
    const int64_t pads[] = {d.pad, d.pad, d.pad, d.pad};
    struct test_node node;
    struct tensor *all[] = {x, weights, offset, bias, mask};
    for (int i = 0; i < 5; i++)
        number_fill(all[i], random, -3, 3);
    test_node_init(&node, "DeformConv", 5, 1);
    test_node_ints(&node, "pads", pads, 4);
    test_node_int(&node, "group", groups);
    test_node_int(&node, "offset_group", offsets);
    struct tensor *y = test_run_all_ways(&node, 19, inputs);
    for (int64_t i = 0; i < tensor_elements(y); i++)
        test_number(y, i, deform_expected(&d, inputs, &y->shape, i), 0, dtype == DTYPE_FLOAT ? 2e-3 : 1e-9,
                    "DeformConv");
    test_tensor_free(y);
    for (int i = 0; i < 5; i++)
        test_tensor_free(all[i]);
}

static void test_deform(void **state) {
    struct random random = random_from(test_seed() + 82);
    (void)state;
    for (int i = 0; i < test_cases(30); i++)
        check_deform(i % 3 ? DTYPE_FLOAT : DTYPE_DOUBLE, &random);
}

/* ---- Col2Im: what Im2Col would have taken from a place comes back to it ---- */

static void check_columns(enum dtype dtype, struct random *random) {
    const int64_t image[] = {random_int(random, 3, 9), random_int(random, 3, 9)};
    const int64_t kernel[] = {random_int(random, 1, 3), random_int(random, 1, 3)},
                  strides[] = {random_int(random, 1, 2), random_int(random, 1, 2)};
    const int64_t pads[] = {random_int(random, 0, 1), 1, 0, random_int(random, 0, 1)};
    int64_t out[2];
    for (int i = 0; i < 2; i++)
        out[i] = (image[i] + pads[i] + pads[2 + i] - kernel[i]) / strides[i] + 1;
    const int taps = (int)(kernel[0] * kernel[1]), columns = (int)(out[0] * out[1]);
    struct tensor *x = test_tensor(dtype, 3, 2, 2 * taps, columns), *size = test_ints(2, image),
                  *block = test_ints(2, kernel);
    const struct tensor *inputs[] = {x, size, block};
    struct test_node node;
    number_fill(x, random, -20, 20);
    test_node_init(&node, "Col2Im", 3, 1);
    test_node_ints(&node, "strides", strides, 2);
    test_node_ints(&node, "pads", pads, 4);
    struct tensor *y = test_run_all_ways(&node, 18, inputs);
    for (int64_t o = 0; o < tensor_elements(y); o++) {
        const int64_t plane = o / image[0] / image[1], row = o / image[1] % image[0], column = o % image[1];
        double sum = 0;
        for (int64_t t = 0; t < taps; t++)
            for (int64_t c = 0; c < columns; c++)
                if (c / out[1] * strides[0] - pads[0] + t / kernel[1] == row &&
                    c % out[1] * strides[1] - pads[1] + t % kernel[1] == column)
                    sum += number_get(x, (plane * taps + t) * columns + c);
        test_number(y, o, sum, 0, 1e-4, "Col2Im");
    }
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(size);
    test_tensor_free(block);
}

static void test_columns(void **state) {
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_INT32, DTYPE_INT16};
    struct random random = random_from(test_seed() + 83);
    (void)state;
    for (int i = 0; i < test_cases(40); i++)
        check_columns(types[i % 4], &random);
}

/* ---- regions ---- */

/* A slope is its own average: of the middle of each bin. */
static void test_roi_align(void **state) {
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 2, 10, 12), *rois = test_tensor(DTYPE_FLOAT, 2, 1, 4);
    struct tensor *rows = test_ints(1, (const int64_t[]){0}), *y;
    const struct tensor *inputs[] = {x, rois, rows};
    struct test_node node;
    (void)state;
    for (int i = 0; i < 240; i++) {
        const int number = i / 120 * 100 + i / 12 % 10 * 3 + i % 12;
        ((float *)x->data)[i] = (float)number;
    }
    memcpy(rois->data, (const float[]){2, 1, 8, 7}, rois->bytes); /* x1, y1, x2, y2 */
    for (int half = 0; half < 2; half++) {
        test_node_init(&node, "RoiAlign", 3, 1);
        test_node_text(&node, "coordinate_transformation_mode", half ? "half_pixel" : "output_half_pixel");
        test_node_int(&node, "output_height", 2);
        test_node_int(&node, "output_width", 3);
        y = test_run_all_ways(&node, 16, inputs);
        for (int i = 0; i < 12; i++) {
            const int channel = i / 6, down = i / 3 % 2;
            const double row = 1 + 3 * (down + 0.5) - half * 0.5, column = 2 + 2 * (i % 3 + 0.5) - half * 0.5;
            test_number(y, i, channel * 100 + row * 3 + column, 0, 1e-4, "RoiAlign");
        }
        test_tensor_free(y);
    }
    ((float *)rois->data)[2] = 1e9f;
    test_run_fails(&node, 16, inputs, STATUS_LIMIT, "region 0 has more than");
    ((float *)rois->data)[2] = NAN;
    test_run_fails(&node, 16, inputs, STATUS_INVALID_MODEL, "region 0 is not of numbers");
    ((int64_t *)rows->data)[0] = 1;
    test_run_fails(&node, 16, inputs, STATUS_INVALID_MODEL, "batch_indices[0] is 1, expected 0..0");
    test_tensor_free(x);
    test_tensor_free(rois);
    test_tensor_free(rows);
}

static void test_max_roi_pool(void **state) {
    static const int64_t pooled[] = {2, 2};
    static const double expected[] = {14, 17, 32, 35};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 1, 6, 6), *rois = test_tensor(DTYPE_FLOAT, 2, 1, 5);
    const struct tensor *inputs[] = {x, rois};
    struct test_node node;
    (void)state;
    for (int i = 0; i < 36; i++)
        ((float *)x->data)[i] = (float)i;
    memcpy(rois->data, (const float[]){0, 0, 0, 5, 5}, rois->bytes);
    test_node_init(&node, "MaxRoiPool", 2, 1);
    test_node_ints(&node, "pooled_shape", pooled, 2);
    struct tensor *y = test_run_all_ways(&node, 1, inputs);
    test_close(y->data, expected, 4, 0, 0, "MaxRoiPool");
    test_tensor_free(y);
    ((float *)rois->data)[0] = 1;
    test_run_fails(&node, 1, inputs, STATUS_INVALID_MODEL, "rois[0][0] is 1");
    test_tensor_free(x);
    test_tensor_free(rois);
}

static void test_suppression(void **state) {
    static const float corners[] = {0, 0, 1, 1, 0, 0.1f, 1, 1.1f, 0, -0.1f, 1, 0.9f, 0, 10, 1, 11};
    static const float points[] = {0.9f, 0.75f, NAN, 0.95f};
    static const int64_t expected[] = {0, 0, 3, 0, 0, 0};
    struct tensor *boxes = test_tensor(DTYPE_FLOAT, 3, 1, 4, 4), *scores = test_tensor(DTYPE_FLOAT, 3, 1, 1, 4);
    struct tensor *most = test_ints(1, (const int64_t[]){3}), *overlap = test_tensor(DTYPE_FLOAT, 1, 1);
    const struct tensor *inputs[] = {boxes, scores, most, overlap};
    struct test_node node;
    (void)state;
    memcpy(boxes->data, corners, sizeof corners);
    memcpy(scores->data, points, sizeof points);
    *(float *)overlap->data = 0.5f;
    test_node_init(&node, "NonMaxSuppression", 4, 1);
    struct tensor *y = test_run_all_ways(&node, 11, inputs);
    assert_int_equal(y->shape.dims[0], 2);
    assert_memory_equal(y->data, expected, sizeof expected);
    test_tensor_free(y);
    node.node.input_count = 2; /* none are asked for */
    y = test_run_all_ways(&node, 11, inputs);
    assert_true(y->shape.dims[0] == 0 && y->shape.dims[1] == 3);
    test_tensor_free(y);
    node.node.input_count = 4;
    *(float *)overlap->data = 2;
    test_run_fails(&node, 11, inputs, STATUS_INVALID_MODEL, "iou_threshold is 2");
    test_tensor_free(boxes);
    test_tensor_free(scores);
    test_tensor_free(most);
    test_tensor_free(overlap);
}

/* ---- cropping, and ONNX's experimental operators ---- */

static void test_crop(void **state) {
    static const int64_t border[] = {1, 2, 0, 1}, axes[] = {-1};
    struct tensor *x = test_tensor(DTYPE_INT16, 4, 1, 1, 5, 4), *six = test_ints(1, (const int64_t[]){7}), *y;
    const struct tensor *inputs[] = {x, six};
    struct test_node node;
    (void)state;
    for (int i = 0; i < 20; i++)
        ((int16_t *)x->data)[i] = (int16_t)(i + 1);
    test_node_init(&node, "Crop", 1, 1);
    test_node_ints(&node, "border", border, 4);
    y = test_run_all_ways(&node, 7, inputs);
    assert_true(y->shape.dims[2] == 2 && y->shape.dims[3] == 3);
    for (int i = 0; i < 6; i++) {
        const int number = (i / 3 + 2) * 4 + i % 3 + 1 + 1;
        test_number(y, i, number, 0, 0, "Crop");
    }
    test_tensor_free(y);
    test_node_init(&node, "CenterCropPad", 2, 1);
    test_node_ints(&node, "axes", axes, 1);
    y = test_run_all_ways(&node, 18, inputs);
    for (int i = 0; i < 35; i++) /* one before, two behind */
        test_number(y, i, i % 7 >= 1 && i % 7 < 5 ? i / 7 * 4 + i % 7 : 0, 0, 0, "CenterCropPad");
    test_tensor_free(y);
    ((int64_t *)six->data)[0] = -1;
    test_run_fails(&node, 18, inputs, STATUS_INVALID_MODEL, "shape[0] is -1");
    test_tensor_free(x);
    test_tensor_free(six);
}

static void test_experimental(void **state) {
    static const char *const names[] = {"Affine", "ScaledTanh", "ParametricSoftplus", "ImageScaler"};
    static const float bias[] = {0.5f, -1};
    struct random random = random_from(test_seed() + 84);
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 2, 3, 5);
    const struct tensor *inputs[] = {x};
    (void)state;
    number_fill(x, &random, -4, 4);
    for (int k = 0; k < 4; k++) {
        struct test_node node;
        test_node_init(&node, names[k], 1, 1);
        test_node_float(&node, k < 3 ? "alpha" : "scale", 1.5f);
        if (k < 3)
            test_node_float(&node, "beta", 0.75f);
        else
            test_node_floats(&node, "bias", bias, 2);
        struct tensor *y = test_run_all_ways(&node, 7, inputs);
        for (int64_t i = 0; i < 30; i++) {
            const double v = number_get(x, i);
            const double results[] = {1.5 * v + 0.75, 1.5 * tanh(0.75 * v), 1.5 * log1p(exp(0.75 * v)),
                                      1.5 * v + (double)bias[i / 15]};
            test_number(y, i, results[k], 8, 1e-6, names[k]);
        }
        test_tensor_free(y);
    }
    test_tensor_free(x);
}

/* The middles, or the corners, of the elements of a picture. */
static void test_affine_grid(void **state) {
    struct tensor *theta = test_tensor(DTYPE_FLOAT, 3, 1, 2, 3), *size = test_ints(4, (const int64_t[]){1, 1, 2, 4});
    const struct tensor *inputs[] = {theta, size};
    (void)state;
    memcpy(theta->data, (const float[]){2, 0.5f, 1, 0, -1, 0.25f}, theta->bytes);
    for (int corners = 0; corners < 2; corners++) {
        struct test_node node;
        test_node_init(&node, "AffineGrid", 2, 1);
        test_node_int(&node, "align_corners", corners);
        struct tensor *y = test_run_all_ways(&node, 20, inputs);
        for (int i = 0; i < 8; i++) {
            const double u = corners ? -1 + 2.0 * (i % 4) / 3 : -1 + (2 * (i % 4) + 1) / 4.0;
            const int line = i / 4;
            const double v = corners ? -1 + 2.0 * line : -1 + (2 * line + 1) / 2.0;
            test_number(y, 2 * i, 2 * u + 0.5 * v + 1, 0, 1e-6, "AffineGrid");
            test_number(y, 2 * i + 1, 0.25 - v, 0, 1e-6, "AffineGrid");
        }
        test_tensor_free(y);
    }
    test_tensor_free(theta);
    test_tensor_free(size);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grid),      cmocka_unit_test(test_deform),       cmocka_unit_test(test_columns),
        cmocka_unit_test(test_roi_align), cmocka_unit_test(test_max_roi_pool), cmocka_unit_test(test_suppression),
        cmocka_unit_test(test_crop),      cmocka_unit_test(test_experimental), cmocka_unit_test(test_affine_grid)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
