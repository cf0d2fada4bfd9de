/* Pooling against the definition: every window by itself, in double precision. */
#include "tests/support/numbers.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASES 300

enum norm { LARGEST, AVERAGE, LP };
static const char *const names[] = {"MaxPool", "AveragePool", "LpPool"};

struct problem {
    enum norm norm;
    int spatial, auto_pad, p;
    bool ceil, include;
    struct shape in, out;
    int64_t kernel[3], strides[3], dilations[3], pads[6];
};

static const char *const auto_pads[] = {"NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"};

/* ---- the reference ---- */

static void resolve(struct problem *p) {
    for (int i = 0; i < p->spatial; i++) {
        const int64_t in = p->in.dims[2 + i], reach = (p->kernel[i] - 1) * p->dilations[i] + 1, stride = p->strides[i];
        int64_t *begin = &p->pads[i], *end = &p->pads[p->spatial + i], *out = &p->out.dims[2 + i];
        if (p->auto_pad == 1 || p->auto_pad == 2) {
            *out = (in + stride - 1) / stride;
            const int64_t pads = (*out - 1) * stride + reach > in ? (*out - 1) * stride + reach - in : 0;
            *begin = p->auto_pad == 1 ? pads / 2 : pads - pads / 2;
            *end = pads - *begin;
            continue;
        }
        if (p->auto_pad == 3)
            *begin = *end = 0;
        const double slack = (double)(in + *begin + *end - reach) / (double)stride;
        *out = (int64_t)(p->ceil && p->auto_pad == 0 ? ceil(slack) : trunc(slack)) + 1;
        if (p->ceil && p->auto_pad == 0 && (*out - 1) * stride >= in + *begin)
            --*out;
    }
}

/* What the window of one output holds. */
struct held {
    double most, sum, powers;
    int64_t inputs, places, best; /* best: index in the picture */
};

static struct held look(const struct problem *p, const struct tensor *x, int64_t picture, const int64_t *at) {
    struct held held = {.most = -INFINITY, .best = -1};
    int64_t taps = 1;
    for (int i = 0; i < p->spatial; i++)
        taps *= p->kernel[i];
    for (int64_t t = 0; t < taps; t++) {
        int64_t rest = t, index = 0, inside = 1, padded = 1, scale = taps;
        for (int i = 0; i < p->spatial; i++) {
            scale /= p->kernel[i];
            const int64_t k = rest / scale, in = p->in.dims[2 + i];
            const int64_t place = at[i] * p->strides[i] - p->pads[i] + k * p->dilations[i];
            rest %= scale;
            inside &= place >= 0 && place < in;
            padded &= place < in + p->pads[p->spatial + i];
            index = index * in + place;
        }
        held.places += padded;
        if (!inside)
            continue;
        int64_t plane = 1;
        for (int i = 0; i < p->spatial; i++)
            plane *= p->in.dims[2 + i];
        const double v = number_get(x, picture * plane + index);
        if (held.best < 0 || v > held.most)
            held.best = index;
        held.most = fmax(held.most, v);
        held.sum += v;
        held.powers += pow(fabs(v), p->p);
        held.inputs++;
    }
    return held;
}

static double result_of(const struct problem *p, const struct held *held) {
    if (p->norm == LARGEST)
        return held->most;
    if (p->norm == LP)
        return pow(held->powers, 1.0 / p->p);
    const int64_t count = p->include ? held->places : held->inputs;
    return count ? held->sum / (double)count : 0;
}

static struct held look_at(const struct problem *p, const struct tensor *x, int64_t o) {
    int64_t at[3];
    for (int i = p->spatial - 1; i >= 0; i--) {
        at[i] = o % p->out.dims[2 + i];
        o /= p->out.dims[2 + i];
    }
    return look(p, x, o, at);
}

/* ---- problems ---- */

static struct problem random_problem(struct random *random) {
    struct problem p = {.norm = (enum norm)random_int(random, 0, 2),
                        .spatial = (int)random_int(random, 1, 3),
                        .p = (int)random_int(random, 1, 3),
                        .auto_pad = random_int(random, 0, 2) ? 0 : (int)random_int(random, 1, 3),
                        .ceil = random_int(random, 0, 1),
                        .include = random_int(random, 0, 1)};
    p.in.rank = p.out.rank = p.spatial + 2;
    for (int d = 0; d < 2; d++)
        p.out.dims[d] = p.in.dims[d] = random_int(random, 1, 3);
    if (random_int(random, 0, 3) == 0 && p.spatial < 3) /* planes that go through channel blocks */
        p.out.dims[1] = p.in.dims[1] = random_int(random, 16, 37);
    for (int i = 0; i < p.spatial; i++) {
        p.kernel[i] = random_int(random, 1, 4);
        p.strides[i] = random_int(random, 1, 4);
        p.dilations[i] = random_int(random, 0, 3) ? 1 : random_int(random, 2, 3);
        p.pads[i] = random_int(random, 0, p.kernel[i] - 1);
        p.pads[p.spatial + i] = random_int(random, 0, p.kernel[i] - 1);
        /* Down to inputs that the only window reaches beyond. */
        const int64_t reach = (p.kernel[i] - 1) * p.dilations[i] + 1,
                      in = reach + random_int(random, 1 - p.strides[i], p.spatial == 3 ? 5 : 44);
        p.in.dims[2 + i] = in > 0 ? in : 1;
    }
    return p;
}

static void fill_node(struct test_node *node, const struct problem *p, int outputs) {
    test_node_init(node, names[p->norm], 1, outputs);
    test_node_ints(node, "kernel_shape", p->kernel, (size_t)p->spatial);
    test_node_ints(node, "strides", p->strides, (size_t)p->spatial);
    test_node_ints(node, "dilations", p->dilations, (size_t)p->spatial);
    if (p->auto_pad == 0)
        test_node_ints(node, "pads", p->pads, 2 * (size_t)p->spatial);
    test_node_text(node, "auto_pad", auto_pads[p->auto_pad]);
    test_node_int(node, "ceil_mode", p->ceil);
    if (p->norm == AVERAGE)
        test_node_int(node, "count_include_pad", p->include);
    if (p->norm == LP)
        test_node_int(node, "p", p->p);
}

static void check_problem(struct problem *p, enum dtype dtype, struct random *random) {
    struct tensor *x = test_tensor_shape(dtype, &p->in);
    const struct tensor *inputs[] = {x};
    struct test_node node;
    number_fill(x, random, number_is_signed(dtype) ? -100 : 0, 100);
    fill_node(&node, p, 1);
    resolve(p);
    struct tensor *y = test_run_all_ways(&node, 22, inputs);
    assert_true(shape_equal(&y->shape, &p->out));
    for (int64_t i = 0; i < tensor_elements(y); i++) {
        const struct held held = look_at(p, x, i);
        const double roundings = p->norm == LARGEST ? 0 : 60;
        test_number(y, i, result_of(p, &held), roundings,
                    p->norm == AVERAGE ? held.inputs * 100 * number_epsilon(dtype) : 0, names[p->norm]);
    }
    test_tensor_free(y);
    test_tensor_free(x);
}

static void test_random(void **state) {
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_INT8, DTYPE_UINT8};
    struct random random = random_from(test_seed() + 71);
    (void)state;
    for (int i = 0; i < test_cases(CASES); i++) {
        struct problem p = random_problem(&random);
        check_problem(&p, types[p.norm == LARGEST ? i % 5 : i % 3], &random);
    }
}

/* Where the largest elements stand, by rows and by columns. */
static void check_indices(struct problem *p, bool columns, struct random *random) {
    struct tensor *x = test_tensor_shape(DTYPE_FLOAT, &p->in), y, indices, *outputs[] = {&y, &indices};
    const struct tensor *inputs[] = {x};
    struct test_node node;
    int64_t plane = 1;
    number_fill(x, random, -100, 100);
    fill_node(&node, p, 2);
    test_node_int(&node, "storage_order", columns);
    resolve(p);
    test_evaluate(&node, 22, inputs, outputs);
    for (int i = 0; i < p->spatial; i++)
        plane *= p->in.dims[2 + i];
    for (int64_t o = 0; o < tensor_elements(&y); o++) {
        const struct held held = look_at(p, x, o);
        int64_t rest = held.best, number = 0, scale = 1, at[3];
        for (int i = p->spatial - 1; i >= 0; i--) {
            at[i] = rest % p->in.dims[2 + i];
            rest /= p->in.dims[2 + i];
        }
        for (int i = 0; i < p->spatial; i++) {
            number = columns ? number + at[i] * scale : number * p->in.dims[2 + i] + at[i];
            scale *= p->in.dims[2 + i];
        }
        int64_t picture = o;
        for (int i = 0; i < p->spatial; i++)
            picture /= p->out.dims[2 + i];
        test_number(&y, o, held.most, 0, 0, "MaxPool with indices");
        if (held.best >= 0)
            assert_int_equal(((int64_t *)indices.data)[o], picture * plane + number);
    }
    free(y.data);
    free(indices.data);
    test_tensor_free(x);
}

static void test_indices(void **state) {
    struct random random = random_from(test_seed() + 72);
    (void)state;
    for (int i = 0; i < test_cases(60); i++) {
        struct problem p = random_problem(&random);
        p.norm = LARGEST;
        check_indices(&p, i % 2, &random);
    }
}

/* ---- whole pictures ---- */

static void check_global(const char *name, int norm, int power, enum dtype dtype, struct random *random) {
    struct shape shape = {4, {2, 3, random_int(random, 1, 90), random_int(random, 1, 700)}};
    struct tensor *x = test_tensor_shape(dtype, &shape);
    const struct tensor *inputs[] = {x};
    const int64_t plane = shape.dims[2] * shape.dims[3];
    struct test_node node;
    number_fill(x, random, -20, 20);
    test_node_init(&node, name, 1, 1);
    if (norm == LP)
        test_node_int(&node, "p", power);
    struct tensor *y = test_run_all_ways(&node, 22, inputs);
    assert_true(y->shape.rank == 4 && tensor_elements(y) == 6);
    for (int64_t o = 0; o < 6; o++) {
        double most = -INFINITY, sum = 0;
        for (int64_t i = 0; i < plane; i++) {
            const double v = number_get(x, o * plane + i);
            most = fmax(most, v);
            sum += norm == LP ? pow(fabs(v), power) : v;
        }
        test_number(y, o,
                    norm == LARGEST ? most
                    : norm == LP    ? pow(sum, 1.0 / power)
                                    : sum / (double)plane,
                    8, 2e-6, name);
    }
    test_tensor_free(y);
    test_tensor_free(x);
}

static void test_global(void **state) {
    struct random random = random_from(test_seed() + 73);
    (void)state;
    for (int i = 0; i < test_cases(12); i++) {
        const enum dtype dtype = i % 3 ? DTYPE_FLOAT : DTYPE_DOUBLE;
        check_global("GlobalMaxPool", LARGEST, 0, dtype, &random);
        check_global("GlobalAveragePool", AVERAGE, 0, dtype, &random);
        check_global("GlobalLpPool", LP, 1 + i % 3, dtype, &random);
    }
}

/* What is not a number is never lost. */
static void test_nan(void **state) {
    static const int64_t kernel[] = {3, 3};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 1, 40, 40);
    const struct tensor *inputs[] = {x};
    struct test_node node;
    (void)state;
    ((float *)x->data)[20 * 40 + 20] = NAN;
    test_node_init(&node, "MaxPool", 1, 1);
    test_node_ints(&node, "kernel_shape", kernel, 2);
    struct tensor *y = test_run_all_ways(&node, 12, inputs);
    for (int r = 0; r < 38; r++)
        for (int c = 0; c < 38; c++) {
            const bool meets = r >= 18 && r <= 20 && c >= 18 && c <= 20;
            test_number(y, r * 38 + c, meets ? NAN : 0, 0, 0, "MaxPool of NaN");
        }
    test_tensor_free(y);
    test_node_init(&node, "GlobalMaxPool", 1, 1);
    y = test_run_all_ways(&node, 1, inputs);
    test_number(y, 0, NAN, 0, 0, "GlobalMaxPool of NaN");
    test_tensor_free(y);
    test_tensor_free(x);
}

/* ---- MaxUnpool, empty tensors, refusals ---- */

static void test_unpool(void **state) {
    static const int64_t kernel[] = {2, 2};
    static const double plain[] = {0, 0, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 0, 0, 0};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 1, 2, 2), *at = test_tensor(DTYPE_INT64, 4, 1, 1, 2, 2);
    struct tensor *larger = test_ints(4, (const int64_t[]){1, 1, 5, 5});
    const struct tensor *inputs[] = {x, at, larger};
    struct test_node node;
    (void)state;
    for (int i = 0; i < 4; i++) {
        ((float *)x->data)[i] = (float)(i + 1);
        ((int64_t *)at->data)[i] = (const int64_t[]){5, 7, 9, 11}[i];
    }
    test_node_init(&node, "MaxUnpool", 2, 1);
    test_node_ints(&node, "kernel_shape", kernel, 2);
    test_node_ints(&node, "strides", kernel, 2);
    struct tensor *y = test_run_all_ways(&node, 11, inputs);
    test_close(y->data, plain, 16, 0, 0, "MaxUnpool");
    test_tensor_free(y);
    node.node.input_count = 3;
    y = test_run_all_ways(&node, 22, inputs);
    assert_true(y->shape.dims[2] == 5 && y->shape.dims[3] == 5);
    for (int i = 0; i < 25; i++)
        test_number(y, i, i % 5 < 4 && i / 5 < 4 ? plain[i / 5 * 4 + i % 5] : 0, 0, 0, "MaxUnpool into more");
    test_tensor_free(y);
    ((int64_t *)at->data)[3] = 16;
    test_run_fails(&node, 22, inputs, STATUS_INVALID_MODEL, "index 16 in input 1 (I) is outside 0..15");
    ((int64_t *)larger->data)[2] = 3;
    test_run_fails(&node, 22, inputs, STATUS_SHAPE, "output_shape[2] is 3, expected at least 4");
    test_tensor_free(x);
    test_tensor_free(at);
    test_tensor_free(larger);
}

static void test_empty(void **state) {
    static const int64_t kernel[] = {2, 2};
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 0, 2, 5, 5);
    const struct tensor *inputs[] = {x};
    struct test_node node;
    (void)state;
    test_node_init(&node, "AveragePool", 1, 1);
    test_node_ints(&node, "kernel_shape", kernel, 2);
    struct tensor *y = test_run_all_ways(&node, 22, inputs);
    assert_true(y->bytes == 0 && y->shape.dims[2] == 4);
    test_tensor_free(y);
    test_node_init(&node, "GlobalAveragePool", 1, 1);
    y = test_run_all_ways(&node, 22, inputs);
    assert_true(y->bytes == 0 && y->shape.dims[3] == 1);
    test_tensor_free(y);
    test_tensor_free(x);
}

static void refuse(const struct tensor *x, const char *list, const int64_t *values, size_t count, status code,
                   const char *text) {
    static const int64_t kernel[] = {3, 3};
    const struct tensor *inputs[] = {x};
    struct test_node node;
    test_node_init(&node, "MaxPool", 1, 1);
    if (strcmp(list, "kernel_shape") != 0)
        test_node_ints(&node, "kernel_shape", kernel, 2);
    if (values)
        test_node_ints(&node, list, values, count);
    test_run_fails(&node, 12, inputs, code, text);
}

static void test_refusals(void **state) {
    struct tensor *x = test_tensor(DTYPE_FLOAT, 4, 1, 1, 5, 5), *flat = test_tensor(DTYPE_FLOAT, 2, 1, 5);
    struct tensor *hollow = test_tensor(DTYPE_FLOAT, 4, 1, 1, 0, 5);
    const struct tensor *inputs[] = {hollow};
    struct test_node node;
    (void)state;
    refuse(x, "kernel_shape", NULL, 0, STATUS_INVALID_MODEL, "\"kernel_shape\" is missing");
    refuse(x, "kernel_shape", (const int64_t[]){3}, 1, STATUS_SHAPE, "has 1 numbers, expected 2");
    refuse(x, "kernel_shape", (const int64_t[]){6, 3}, 2, STATUS_SHAPE, "reaches over 6 inputs in spatial dimension 0");
    refuse(x, "kernel_shape", (const int64_t[]){0, 3}, 2, STATUS_INVALID_MODEL, "\"kernel_shape\"[0] is 0");
    refuse(x, "strides", (const int64_t[]){1, 0}, 2, STATUS_INVALID_MODEL, "\"strides\"[1] is 0");
    refuse(x, "pads", (const int64_t[]){3, 0, 0, 0}, 4, STATUS_SHAPE, "pads of 3 and 0 in spatial dimension 0");
    refuse(x, "pads", (const int64_t[]){-1, 0, 0, 0}, 4, STATUS_INVALID_MODEL, "\"pads\"[0] is -1");
    refuse(flat, "strides", NULL, 0, STATUS_SHAPE, "input 0 (X) is [1,5], expected [N,C,...]");
    test_node_init(&node, "GlobalMaxPool", 1, 1);
    test_run_fails(&node, 1, inputs, STATUS_SHAPE, "there is nothing to put together");
    test_tensor_free(x);
    test_tensor_free(flat);
    test_tensor_free(hollow);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random),  cmocka_unit_test(test_indices),
                                       cmocka_unit_test(test_global),  cmocka_unit_test(test_nan),
                                       cmocka_unit_test(test_unpool),  cmocka_unit_test(test_empty),
                                       cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
