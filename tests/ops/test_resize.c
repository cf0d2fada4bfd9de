/*
 * Resize and Upsample against the formulas of the specification, one element at a time in double precision: every
 * element is a sum over all inputs, each weighted by a product of one weight for each dimension.
 */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 300
#define MOST 24 /* elements of a dimension */

static const char *const modes[] = {"nearest", "linear", "cubic"};
static const char *const coordinates[] = {"half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
                                          "asymmetric", "tf_half_pixel_for_nn", "tf_crop_and_resize"};
static const char *const roundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};

struct problem {
    int mode, coordinate, rounding, opset;
    bool antialias, exclude, by_sizes;
    double a, extrapolation;
    struct shape in, out;
    float scales[MAX_RANK], roi[2 * MAX_RANK];
    int64_t sizes[MAX_RANK];
    int axis_count;
    int64_t axes[MAX_RANK];
};

/* ---- the reference ---- */

/* Of one dimension and one output: how much of every input, or that the output lies outside. */
struct line {
    double weight[MOST];
    bool outside;
};

static bool is_named(const struct problem *p, int d, int *place) {
    for (int i = 0; i < p->axis_count; i++)
        if (p->axes[i] == d || p->axes[i] + p->in.rank == d) {
            *place = i;
            return true;
        }
    *place = d;
    return p->axis_count == 0;
}

static double coordinate_of(const struct problem *p, int place, double in, double out, double x) {
    const double scale = p->by_sizes ? out / in : (double)p->scales[place];
    const double length = p->by_sizes || p->opset < 19 ? out : scale * in; /* the text of 19 has a fractional one */
    const int named = p->axis_count ? p->axis_count : p->in.rank;
    const double start = (double)p->roi[place], end = (double)p->roi[named + place];
    switch (p->coordinate) {
    case 1:
        return in / 2 * (1 - out / length) + (x + 0.5) / scale - 0.5;
    case 2:
        return out > 1 ? (x + 0.5) / scale - 0.5 : 0;
    case 3:
        return out > 1 ? x * (in - 1) / (length - 1) : 0;
    case 4:
        return x / scale;
    case 5:
        return (x + 0.5) / scale;
    case 6:
        return out > 1 ? start * (in - 1) + x * (end - start) * (in - 1) / (length - 1) : (start + end) * (in - 1) / 2;
    default:
        return (x + 0.5) / scale - 0.5;
    }
}

static double filter(const struct problem *p, double x) {
    x = fabs(x);
    if (p->mode == 1)
        return x < 1 ? 1 - x : 0;
    const double a = p->a;
    return x <= 1  ? (a + 2) * x * x * x - (a + 3) * x * x + 1
           : x < 2 ? a * x * x * x - 5 * a * x * x + 8 * a * x - 4 * a
                   : 0;
}

static double rounded(const struct problem *p, double x) {
    return p->rounding == 0 ? ceil(x - 0.5) : p->rounding == 1 ? floor(x + 0.5) : p->rounding == 2 ? floor(x) : ceil(x);
}

static int clamped(double i, int64_t in) {
    return i < 0 ? 0 : i > (double)(in - 1) ? (int)in - 1 : (int)i;
}

static void make_line(const struct problem *p, int d, int64_t o, struct line *line) {
    const int64_t in = p->in.dims[d], out = p->out.dims[d];
    int place;
    memset(line, 0, sizeof *line);
    line->weight[o < MOST ? o : 0] = 1;
    if (!is_named(p, d, &place) || (in == out && (p->by_sizes || p->scales[place] == 1) && p->coordinate != 6))
        return;
    const double x = coordinate_of(p, place, (double)in, (double)out, (double)o);
    const double scale = p->by_sizes ? (double)out / (double)in : (double)p->scales[place];
    const double narrow = p->antialias && scale < 1 ? scale : 1;
    double sum = 0;
    line->outside = p->coordinate == 6 && (x < 0 || x > (double)(in - 1));
    memset(line->weight, 0, sizeof line->weight);
    if (p->mode == 0) {
        line->weight[clamped(rounded(p, x), in)] = 1;
        return;
    }
    for (double i = floor(x) - 3 / narrow - 1; i <= x + 3 / narrow + 1; i++) {
        const double weight = filter(p, (floor(i) - x) * narrow);
        if (p->exclude && (floor(i) < 0 || floor(i) > (double)(in - 1)))
            continue;
        line->weight[clamped(floor(i), in)] += weight;
        sum += weight;
    }
    for (int i = 0; (p->antialias || p->exclude) && sum != 0 && i < MOST; i++)
        line->weight[i] /= sum;
}

static double expected_at(const struct problem *p, const struct tensor *x, int64_t o) {
    struct line lines[MAX_RANK];
    double sum = 0;
    for (int d = p->in.rank - 1; d >= 0; d--) {
        make_line(p, d, o % p->out.dims[d], &lines[d]);
        o /= p->out.dims[d];
        if (lines[d].outside)
            return p->extrapolation;
    }
    for (int64_t i = 0; i < tensor_elements(x); i++) {
        double weight = 1;
        int64_t rest = i;
        for (int d = p->in.rank - 1; d >= 0 && weight != 0; d--) {
            weight *= lines[d].weight[rest % p->in.dims[d]];
            rest /= p->in.dims[d];
        }
        sum += weight != 0 ? weight * number_get(x, i) : 0;
    }
    return sum;
}

/* ---- problems ---- */

static void set_dimension(struct problem *p, struct random *random, int d) {
    static const float scales[] = {0.5f, 2, 1, 3, 1.5f, 0.25f};
    int place;
    p->out.dims[d] = p->in.dims[d];
    if (!is_named(p, d, &place))
        return;
    /* Among them quotients of sizes, whose product in double precision may be slightly less than the size. */
    const int which = (int)random_int(random, 0, 7);
    p->scales[place] = which < 6 ? scales[which] : (float)random_int(random, 1, 13) / (float)p->in.dims[d];
    p->out.dims[d] = (int64_t)floorf(p->scales[place] * (float)p->in.dims[d]);
    if (p->by_sizes)
        p->out.dims[d] = random_int(random, 0, 7) ? random_int(random, 1, MOST) : p->in.dims[d];
    if (random_int(random, 0, 2) == 0 && p->in.rank > 2) {
        p->scales[place] = 1;
        p->out.dims[d] = p->in.dims[d];
    }
    p->sizes[place] = p->out.dims[d];
    p->roi[place] = (float)random_int(random, -2, 6) / 8;
    p->roi[(p->axis_count ? p->axis_count : p->in.rank) + place] = (float)random_int(random, 5, 11) / 8;
}

static struct problem random_problem(struct random *random) {
    static const int opsets[] = {11, 13, 18, 19};
    struct problem p = {.mode = (int)random_int(random, 0, 2),
                        .coordinate = (int)random_int(random, 0, 6),
                        .rounding = (int)random_int(random, 0, 3),
                        .opset = opsets[random_int(random, 0, 3)],
                        .by_sizes = random_int(random, 0, 1),
                        .a = random_int(random, 0, 1) ? -0.5 : -0.75,
                        .extrapolation = (double)random_int(random, 0, 9)};
    p.exclude = p.mode == 2 && random_int(random, 0, 2) == 0;
    p.antialias = p.mode != 0 && random_int(random, 0, 2) == 0;
    p.in.rank = p.out.rank = (int)random_int(random, 1, 4);
    if (random_int(random, 0, 2) == 0)
        for (int d = p.in.rank - 1; d >= 0; d -= (int)random_int(random, 1, 2))
            p.axes[p.axis_count++] = random_int(random, 0, 1) ? d : d - p.in.rank;
    for (int d = 0; d < p.in.rank; d++) {
        p.in.dims[d] = random_int(random, 1, d < p.in.rank - 2 ? 3 : d < p.in.rank - 1 ? 9 : MOST);
        set_dimension(&p, random, d);
    }
    return p;
}

/* Coordinates in single precision may fall on the other side of a border between elements. */
static bool is_near_border(const struct problem *p, int64_t o) {
    for (int d = p->in.rank - 1; d >= 0; d--) {
        int place;
        const int64_t at = o % p->out.dims[d];
        o /= p->out.dims[d];
        if (!is_named(p, d, &place))
            continue;
        const double x = coordinate_of(p, place, (double)p->in.dims[d], (double)p->out.dims[d], (double)at);
        if (fabs(2 * x - nearbyint(2 * x)) < 1e-4)
            return true;
    }
    return false;
}

static struct tensor *floats(const float *values, int64_t count) {
    struct tensor *tensor = test_tensor(DTYPE_FLOAT, 1, (int)count);
    memcpy(tensor->data, values, tensor->bytes);
    return tensor;
}

static void fill_node(struct test_node *node, const struct problem *p) {
    test_node_init(node, "Resize", 4, 1);
    test_node_text(node, "mode", modes[p->mode]);
    test_node_text(node, "coordinate_transformation_mode", coordinates[p->coordinate]);
    test_node_text(node, "nearest_mode", roundings[p->rounding]);
    test_node_float(node, "cubic_coeff_a", (float)p->a);
    test_node_float(node, "extrapolation_value", (float)p->extrapolation);
    test_node_int(node, "antialias", p->antialias);
    test_node_int(node, "exclude_outside", p->exclude);
    if (p->axis_count)
        test_node_ints(node, "axes", p->axes, (size_t)p->axis_count);
}

static void check_problem(const struct problem *p, enum dtype dtype, struct random *random) {
    const int named = p->axis_count ? p->axis_count : p->in.rank;
    struct tensor *x = test_tensor_shape(dtype, &p->in), *scales = floats(p->scales, named);
    struct tensor *sizes = test_ints(named, p->sizes), *roi = floats(p->roi, 2 * named);
    const struct tensor *inputs[] = {x, roi, p->by_sizes ? NULL : scales, p->by_sizes ? sizes : NULL};
    struct test_node node;
    char what[128];
    number_fill(x, random, number_is_signed(dtype) ? -100 : 0, 100);
    fill_node(&node, p);
    snprintf(what, sizeof what, "%s %s%s", modes[p->mode], coordinates[p->coordinate],
             p->antialias ? " antialias" : "");
    struct tensor *y = test_run_all_ways(&node, p->opset, inputs);
    assert_true(shape_equal(&y->shape, &p->out));
    for (int64_t i = 0; i < tensor_elements(y); i++) {
        double expected = expected_at(p, x, i), slack = dtype == DTYPE_DOUBLE ? 1e-10 : 2e-4;
        if (number_is_integer(dtype) && p->mode != 0)
            slack = 0.5001; /* rounded */
        if (p->mode != 0 && dtype != DTYPE_FLOAT && dtype != DTYPE_DOUBLE) {
            const double least = number_is_signed(dtype) ? -128 : 0;
            expected = dtype == DTYPE_INT8 || dtype == DTYPE_UINT8 ? fmin(expected, least + 255) : expected;
            expected = dtype == DTYPE_INT8 || !number_is_signed(dtype) ? fmax(expected, least) : expected;
        }
        if (p->mode != 0 ? p->coordinate != 6 || !is_near_border(p, i) : !is_near_border(p, i))
            test_number(y, i, expected, 0, slack, what);
    }
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(scales);
    test_tensor_free(sizes);
    test_tensor_free(roi);
}

static void test_random(void **state) {
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_INT8,  DTYPE_UINT8,
                                       DTYPE_INT16, DTYPE_INT32, DTYPE_UINT16, DTYPE_INT64, DTYPE_FLOAT};
    struct random random = random_from(test_seed() + 61);
    (void)state;
    for (int i = 0; i < test_cases(CASES); i++) {
        const struct problem p = random_problem(&random);
        check_problem(&p, types[i % 10], &random);
    }
}

/* Lines of many vectors, up and down. */
static void test_long_lines(void **state) {
    struct random random = random_from(test_seed() + 62);
    (void)state;
    for (int i = 0; i < test_cases(60); i++) {
        struct problem p = random_problem(&random);
        const int64_t in = random_int(&random, 20, MOST), out = random_int(&random, 5, 90);
        p.in = (struct shape){2, {2, in}};
        p.out = (struct shape){2, {2, out}};
        p.by_sizes = true;
        p.axis_count = 1;
        p.axes[0] = 1;
        p.sizes[0] = out;
        p.roi[0] = 0.125f, p.roi[1] = 0.75f;
        check_problem(&p, i % 2 ? DTYPE_FLOAT : DTYPE_INT32, &random);
    }
}

/* Twice the size, and three times, from every number of columns that vectors leave over. */
static void test_repeated(void **state) {
    struct random random = random_from(test_seed() + 63);
    (void)state;
    for (int i = 0; i < test_cases(140); i++) {
        const int columns = 1 + i % 70, rows = (int)random_int(&random, 1, 4), times = i < 70 ? 2 : 3;
        struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 2, rows, columns);
        struct tensor *scales = floats((const float[]){1, 1, (float)times, (float)times}, 4);
        struct test_node node;
        test_fill(x, &random);
        test_node_init(&node, "Resize", 3, 1);
        test_node_text(&node, "coordinate_transformation_mode", "asymmetric");
        test_node_text(&node, "nearest_mode", "floor");
        struct tensor *y = test_run_all_ways(&node, 13, (const struct tensor *[]){x, NULL, scales});
        for (int64_t k = 0; k < tensor_elements(y); k++) {
            const int64_t row = k / (columns * times) / times, column = k % (columns * times) / times;
            test_number(y, k, number_get(x, row * columns + column), 0, 0, "repeated");
        }
        test_tensor_free(y);
        test_tensor_free(x);
        test_tensor_free(scales);
    }
}

/* ---- other forms ---- */

/* A row of four, doubled and halved, in every form that there has been. */
static void test_old_forms(void **state) {
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 1, 1, 4), *y;
    struct tensor *doubled = floats((const float[]){1, 1, 2, 2}, 4), *less = floats((const float[]){1, 1, 1, 0.6f}, 4);
    const struct tensor *inputs[] = {x, doubled}, *shrinks[] = {x, less};
    static const double twice[] = {0, 0, 1, 1, 2, 2, 3, 3}, linear[] = {0, 0.5, 1, 1.5, 2, 2.5, 3, 3}, fewer[] = {0, 2};
    struct test_node node;
    (void)state;
    for (int i = 0; i < 4; i++)
        ((float *)x->data)[i] = (float)i;
    test_node_init(&node, "Upsample", 1, 1);
    test_node_floats(&node, "scales", doubled->data, 4);
    y = test_run_all_ways(&node, 7, inputs);
    test_close(y->data, twice, 8, 0, 0, "Upsample 7");
    test_tensor_free(y);
    test_node_init(&node, "Upsample", 2, 1);
    test_node_text(&node, "mode", "linear");
    y = test_run_all_ways(&node, 9, inputs);
    test_close(y->data, linear, 8, 0, 1e-6, "Upsample 9");
    test_tensor_free(y);
    test_node_init(&node, "Resize", 2, 1);
    y = test_run_all_ways(&node, 10, shrinks);
    test_close(y->data, fewer, 2, 0, 0, "Resize 10");
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(doubled);
    test_tensor_free(less);
}

static void test_aspect(void **state) {
    struct tensor *x = test_tensor(DTYPE_UINT8, 2, 3, 6), *sizes = test_ints(2, (const int64_t[]){7, 8});
    const struct tensor *inputs[] = {x, NULL, NULL, sizes};
    static const int64_t expected[2][2] = {{4, 8}, {7, 14}};
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct test_node node;
        test_node_init(&node, "Resize", 4, 1);
        test_node_text(&node, "keep_aspect_ratio_policy", i ? "not_smaller" : "not_larger");
        struct tensor *y = test_run_all_ways(&node, 18, inputs);
        assert_true(y->shape.dims[0] == expected[i][0] && y->shape.dims[1] == expected[i][1]);
        test_tensor_free(y);
    }
    test_tensor_free(x);
    test_tensor_free(sizes);
}

static void test_text(void **state) {
    struct tensor *x = test_tensor(DTYPE_STRING, 1, 2), *scales = floats((const float[]){2}, 1);
    const struct tensor *inputs[] = {x, NULL, scales};
    struct test_node node;
    (void)state;
    ((struct text *)x->data)[0] = (struct text){"a", 1};
    ((struct text *)x->data)[1] = (struct text){"b", 1};
    test_node_init(&node, "Resize", 3, 1);
    struct tensor *y = test_run_all_ways(&node, 13, inputs);
    for (int i = 0; i < 4; i++)
        assert_string_equal(((struct text *)y->data)[i].bytes, i < 2 ? "a" : "b");
    test_tensor_free(y);
    test_node_text(&node, "mode", "linear");
    test_run_fails(&node, 13, inputs, STATUS_UNSUPPORTED, "only \"nearest\" can resize");
    test_tensor_free(x);
    test_tensor_free(scales);
}

static void test_empty(void **state) {
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 0, 3), *scales = floats((const float[]){2, 2}, 2);
    struct tensor *none = test_ints(2, (const int64_t[]){0, 0});
    const struct tensor *inputs[] = {x, NULL, scales}, *sized[] = {x, NULL, NULL, none};
    struct test_node node;
    (void)state;
    test_node_init(&node, "Resize", 3, 1);
    test_node_text(&node, "mode", "cubic");
    struct tensor *y = test_run_all_ways(&node, 13, inputs);
    assert_true(y->shape.dims[0] == 0 && y->shape.dims[1] == 6);
    test_tensor_free(y);
    test_node_init(&node, "Resize", 4, 1);
    y = test_run_all_ways(&node, 13, sized);
    assert_true(y->bytes == 0);
    test_tensor_free(y);
    test_tensor_free(x);
    test_tensor_free(scales);
    test_tensor_free(none);
}

/* ---- refusals ---- */

static void refuse_scales(const struct tensor *x, const float *values, int count, status code, const char *text) {
    struct tensor *scales = floats(values, count);
    const struct tensor *inputs[] = {x, NULL, scales};
    struct test_node node;
    test_node_init(&node, "Resize", 3, 1);
    test_run_fails(&node, 13, inputs, code, text);
    test_tensor_free(scales);
}

static void refuse_sizes(const struct tensor *x, const int64_t *values, int count, const char *attribute,
                         const char *text) {
    struct tensor *sizes = test_ints(count, values);
    const struct tensor *inputs[] = {x, NULL, NULL, sizes};
    const int64_t twice[] = {1, -1};
    struct test_node node;
    test_node_init(&node, "Resize", 4, 1);
    if (attribute)
        test_node_ints(&node, attribute, twice, 2);
    test_run_fails(&node, 18, inputs, attribute || count == 2 ? STATUS_INVALID_MODEL : STATUS_SHAPE, text);
    test_tensor_free(sizes);
}

static void test_refusals(void **state) {
    struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 3, 6), *scales = floats((const float[]){2, 2}, 2);
    struct tensor *sizes = test_ints(2, (const int64_t[]){6, 12});
    const struct tensor *neither[] = {x}, *both[] = {x, NULL, scales, sizes}, *cropped[] = {x, NULL, scales};
    struct test_node node;
    (void)state;
    refuse_scales(x, (const float[]){1, 0}, 2, STATUS_INVALID_MODEL, "scales[1] is 0, expected a number above 0");
    refuse_scales(x, (const float[]){1, -2}, 2, STATUS_INVALID_MODEL, "scales[1] is -2");
    refuse_scales(x, (const float[]){NAN, 1}, 2, STATUS_INVALID_MODEL, "scales[0] is nan");
    refuse_scales(x, (const float[]){1, INFINITY}, 2, STATUS_INVALID_MODEL, "scales[1] is inf");
    refuse_scales(x, (const float[]){1, 1e30f}, 2, STATUS_LIMIT, "too large");
    refuse_scales(x, (const float[]){1, 1e9f}, 2, STATUS_LIMIT, "dimension 1 is resized from 6 to 6000000000");
    refuse_scales(x, (const float[]){1, 1, 1}, 3, STATUS_SHAPE, "input 2 (scales) is [3], expected [2]");
    refuse_sizes(x, (const int64_t[]){3, -1}, 2, NULL, "sizes[1] is -1");
    refuse_sizes(x, (const int64_t[]){3}, 1, NULL, "input 3 (sizes) has 1 numbers, expected 2");
    refuse_sizes(x, (const int64_t[]){3, 3}, 2, "axes", "axes[1] names dimension 1 a second time");
    test_node_init(&node, "Resize", 1, 1);
    test_run_fails(&node, 13, neither, STATUS_INVALID_MODEL, "inputs 2 (scales) and 3 (sizes) are both missing");
    test_node_init(&node, "Resize", 4, 1);
    test_run_fails(&node, 13, both, STATUS_INVALID_MODEL, "are both there");
    test_node_init(&node, "Resize", 3, 1);
    test_node_text(&node, "coordinate_transformation_mode", "tf_crop_and_resize");
    test_run_fails(&node, 13, cropped, STATUS_INVALID_MODEL, "input 1 (roi) is missing");
    test_node_init(&node, "Resize", 3, 1);
    test_node_int(&node, "antialias", 1);
    test_run_fails(&node, 18, cropped, STATUS_INVALID_MODEL, "\"antialias\" is set");
    test_tensor_free(x);
    test_tensor_free(scales);
    test_tensor_free(sizes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),    cmocka_unit_test(test_long_lines), cmocka_unit_test(test_repeated),
        cmocka_unit_test(test_old_forms), cmocka_unit_test(test_aspect),     cmocka_unit_test(test_text),
        cmocka_unit_test(test_empty),     cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
