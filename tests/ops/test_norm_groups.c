/* The normalizations over groups of numbers, in both types, against sums in plain double precision. */
#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "tests/support/numbers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define CASES 60
#define EPSILON 0.01f

/* Groups as a reference sees them: the number of an element's group. */
struct reference {
    int64_t count, groups;
    int64_t *group;
    double *mean, *variance, *length, *absolute; /* of each group */
};

static struct reference reference_of(const struct tensor *x, const bool *reduced, int64_t split) {
    struct reference r = {.count = tensor_elements(x), .groups = 1};
    r.group = calloc((size_t)r.count + 1, sizeof *r.group);
    for (int d = 0; d < x->shape.rank; d++)
        r.groups *= reduced[d] ? 1 : x->shape.dims[d];
    r.groups *= split;
    for (int64_t i = 0; i < r.count; i++) {
        int64_t inner = r.count;
        for (int d = 0; d < x->shape.rank; d++) {
            const int64_t size = x->shape.dims[d], index = i % inner / (inner / size);
            const int64_t parts = !reduced[d] ? size : d == 1 ? split : 1;
            r.group[i] = r.group[i] * parts + index / (size / parts);
            inner /= size;
        }
    }
    double **lists[] = {&r.mean, &r.variance, &r.length, &r.absolute};
    for (size_t k = 0; k < 4; k++)
        *lists[k] = calloc((size_t)r.groups + 1, sizeof(double));
    double *sizes = calloc((size_t)r.groups + 1, sizeof(double));
    for (int64_t i = 0; i < r.count; i++) {
        const double v = number_get(x, i);
        sizes[r.group[i]]++;
        r.mean[r.group[i]] += v;
        r.length[r.group[i]] += v * v;
        r.absolute[r.group[i]] += fabs(v);
    }
    for (int64_t g = 0; g < r.groups; g++)
        r.mean[g] /= sizes[g];
    for (int64_t i = 0; i < r.count; i++) {
        const double d = number_get(x, i) - r.mean[r.group[i]];
        r.variance[r.group[i]] += d * d / sizes[r.group[i]];
    }
    free(sizes);
    return r;
}

static void reference_free(struct reference *r) {
    free(r->group);
    free(r->mean);
    free(r->variance);
    free(r->length);
    free(r->absolute);
}

/* Numbers with a mean that is far from zero now and then; the variance may be anything. */
static struct tensor *random_tensor(struct random *random, enum dtype dtype, const struct shape *shape, double mean) {
    struct tensor *tensor = test_tensor_shape(dtype, shape);
    for (int64_t i = 0; i < tensor_elements(tensor); i++)
        number_set(tensor, i, mean + (double)random_float(random));
    return tensor;
}

static struct shape random_shape(struct random *random, int least_rank) {
    struct shape shape = {.rank = (int)random_int(random, least_rank, 5)};
    const bool large = random_int(random, 0, 5) == 0;
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = random_int(random, 1, d < 2 ? 4 : large && d == shape.rank - 1 ? 9000 : 9);
    return shape;
}

static enum dtype random_type(struct random *random) {
    return random_int(random, 0, 2) ? DTYPE_FLOAT : DTYPE_DOUBLE;
}

static void check(const struct tensor *y, int64_t i, double expected, double mean, const char *what) {
    test_number(y, i, expected, 60, y->dtype == DTYPE_FLOAT ? 1e-5 + fabs(mean) * 3e-7 : 1e-11, what);
}

static void free_all(struct tensor **tensors, int count) {
    for (int i = 0; i < count; i++)
        test_tensor_free(tensors[i]);
}

static void test_layers(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 1);
    for (int c = 0; c < test_cases(CASES); c++) {
        const struct shape shape = random_shape(&random, 1);
        const int axis = (int)random_int(&random, 0, shape.rank - 1);
        const bool centered = c % 2, with_bias = centered && c % 3;
        struct shape tail = {shape.rank - axis, {0}};
        bool reduced[MAX_RANK];
        for (int d = 0; d < shape.rank; d++) {
            reduced[d] = d >= axis;
            if (d >= axis)
                tail.dims[d - axis] = random_int(&random, 0, 4) ? shape.dims[d] : 1;
        }
        const enum dtype dtype = random_type(&random);
        const double mean = c % 5 ? 0 : 30;
        struct tensor *inputs[] = {random_tensor(&random, dtype, &shape, mean), random_tensor(&random, dtype, &tail, 1),
                                   random_tensor(&random, dtype, &tail, 0)};
        struct tensor y = {0}, m = {0}, v = {0}, *outputs[] = {&y, &m, &v};
        struct test_node node;
        test_node_init(&node, centered ? "LayerNormalization" : "RMSNormalization", centered ? 2 + with_bias : 2,
                       centered ? 3 : 1);
        test_node_int(&node, "axis", c % 2 ? axis : axis - shape.rank);
        test_node_float(&node, "epsilon", EPSILON);
        test_evaluate(&node, 23, (const struct tensor *const *)inputs, outputs);
        struct reference r = reference_of(inputs[0], reduced, 1);
        const double size = (double)r.count / (double)r.groups;
        for (int64_t i = 0; i < r.count; i++) {
            const int64_t at = broadcast_index(&tail, &shape, i), g = r.group[i];
            const double spread = centered ? r.variance[g] : r.length[g] / size;
            const double inverse = 1 / sqrt(spread + (double)EPSILON);
            check(&y, i,
                  (number_get(inputs[0], i) - (centered ? r.mean[g] : 0)) * inverse * number_get(inputs[1], at) +
                      (with_bias ? number_get(inputs[2], at) : 0),
                  mean, "layer");
            if (centered) {
                test_number(&m, g, r.mean[g], 4, 1e-6, "mean");
                test_number(&v, g, inverse, 40, 0, "inverse");
            }
        }
        reference_free(&r);
        free(y.data);
        free(m.data);
        free(v.data);
        free_all(inputs, 3);
    }
}

static void test_groups(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 2);
    for (int c = 0; c < test_cases(CASES); c++) {
        struct shape shape = random_shape(&random, 2);
        const int64_t groups = random_int(&random, 1, 3);
        const int opset = c % 2 ? 18 : 21;
        shape.dims[1] *= groups;
        const struct shape list = {1, {opset == 18 ? groups : shape.dims[1]}};
        bool reduced[MAX_RANK] = {false, true, true, true, true};
        const enum dtype dtype = random_type(&random);
        struct tensor *inputs[] = {random_tensor(&random, dtype, &shape, 5), random_tensor(&random, dtype, &list, 1),
                                   random_tensor(&random, dtype, &list, 0)};
        struct test_node node;
        test_node_init(&node, "GroupNormalization", 3, 1);
        test_node_int(&node, "num_groups", groups);
        test_node_float(&node, "epsilon", EPSILON);
        struct tensor *y = test_run_all_ways(&node, opset, (const struct tensor *const *)inputs);
        struct reference r = reference_of(inputs[0], reduced, groups);
        const int64_t plane = r.count / (shape.dims[0] * shape.dims[1]);
        for (int64_t i = 0; i < r.count; i++) {
            const int64_t channel = i / plane % shape.dims[1], g = r.group[i];
            const int64_t at = opset == 18 ? channel / (shape.dims[1] / groups) : channel;
            check(y, i,
                  (number_get(inputs[0], i) - r.mean[g]) / sqrt(r.variance[g] + (double)EPSILON) *
                          number_get(inputs[1], at) +
                      number_get(inputs[2], at),
                  5, "group");
        }
        reference_free(&r);
        test_tensor_free(y);
        free_all(inputs, 3);
    }
}

static void test_axes(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 3);
    for (int c = 0; c < test_cases(CASES); c++) {
        const struct shape shape = random_shape(&random, 1);
        const int kind = c % 3; /* mean and variance, p = 1, p = 2 */
        int64_t axes[MAX_RANK];
        bool reduced[MAX_RANK] = {false};
        size_t count = 0;
        for (int d = 0; d < shape.rank; d++)
            if (kind == 0 ? random_int(&random, 0, 1)
                          : (int)count == 0 && random_int(&random, 0, 1 + shape.rank - d) < 2) {
                axes[count++] = random_int(&random, 0, 1) ? d : d - shape.rank;
                reduced[d] = true;
            }
        if (count == 0) {
            axes[count++] = -1;
            reduced[shape.rank - 1] = true;
        }
        struct tensor *x = random_tensor(&random, random_type(&random), &shape, kind ? 0 : 3);
        const struct tensor *inputs[] = {x};
        struct test_node node;
        test_node_init(&node, kind ? "LpNormalization" : "MeanVarianceNormalization", 1, 1);
        if (kind == 0) {
            test_node_ints(&node, "axes", axes, count);
        } else {
            test_node_int(&node, "axis", axes[0]);
            test_node_int(&node, "p", kind);
        }
        struct tensor *y = test_run_all_ways(&node, 22, inputs);
        struct reference r = reference_of(x, reduced, 1);
        for (int64_t i = 0; i < r.count; i++) {
            const int64_t g = r.group[i];
            const double v = number_get(x, i);
            if (kind == 0 && r.variance[g] < 1e-3)
                continue; /* no digits are left of a difference of equals */
            check(y, i,
                  kind == 0   ? (v - r.mean[g]) / (sqrt(r.variance[g]) + 1e-9)
                  : kind == 1 ? v / r.absolute[g]
                              : v / sqrt(r.length[g]),
                  kind ? 0 : 3, "axes");
        }
        reference_free(&r);
        test_tensor_free(y);
        test_tensor_free(x);
    }
}

static void test_batch_training(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 4);
    for (int c = 0; c < test_cases(CASES); c++) {
        const struct shape shape = random_shape(&random, 2);
        static const int opsets[] = {7, 9, 13, 14, 15};
        const int opset = opsets[c % 5];
        const struct shape list = {1, {shape.dims[1]}};
        bool reduced[MAX_RANK] = {true, false, true, true, true};
        const enum dtype dtype = random_type(&random);
        struct tensor *inputs[5] = {random_tensor(&random, dtype, &shape, 2)};
        for (int i = 1; i < 5; i++)
            inputs[i] = random_tensor(&random, dtype, &list, 1);
        struct tensor y, out[4] = {{0}}, *outputs[] = {&y, &out[0], &out[1], &out[2], &out[3]};
        struct test_node node;
        test_node_init(&node, "BatchNormalization", 5, opset < 14 ? 5 : 3);
        if (opset >= 14)
            test_node_int(&node, "training_mode", 1);
        test_node_float(&node, "epsilon", EPSILON);
        test_node_float(&node, "momentum", 0.75f);
        test_evaluate(&node, opset, (const struct tensor *const *)inputs, outputs);
        struct reference r = reference_of(inputs[0], reduced, 1);
        const int64_t plane = r.count / (shape.dims[0] * shape.dims[1]);
        for (int64_t i = 0; i < r.count; i++) {
            const int64_t g = i / plane % shape.dims[1];
            check(&y, i,
                  (number_get(inputs[0], i) - r.mean[g]) / sqrt(r.variance[g] + (double)EPSILON) *
                          number_get(inputs[1], g) +
                      number_get(inputs[2], g),
                  2, "batch");
            test_number(&out[0], g, 0.75 * number_get(inputs[3], g) + 0.25 * r.mean[g], 4, 1e-6, "running mean");
            test_number(&out[1], g, 0.75 * number_get(inputs[4], g) + 0.25 * r.variance[g], 4, 1e-6,
                        "running variance");
        }
        reference_free(&r);
        free(y.data);
        for (int i = 0; i < 4; i++)
            free(out[i].data);
        free_all(inputs, 5);
    }
}

static void test_lrn(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 5);
    for (int c = 0; c < test_cases(CASES); c++) {
        struct shape shape = random_shape(&random, 2);
        shape.dims[1] = random_int(&random, 1, 9);
        const int64_t size = random_int(&random, 1, 7);
        struct tensor *x = random_tensor(&random, random_type(&random), &shape, 0);
        const struct tensor *inputs[] = {x};
        struct test_node node;
        test_node_init(&node, "LRN", 1, 1);
        test_node_int(&node, "size", size);
        test_node_float(&node, "alpha", 0.5f);
        test_node_float(&node, "beta", 0.625f);
        test_node_float(&node, "bias", 1.5f);
        struct tensor *y = test_run_all_ways(&node, 13, inputs);
        const int64_t channels = shape.dims[1], count = tensor_elements(x);
        const int64_t plane = count / (shape.dims[0] * channels);
        for (int64_t i = 0; i < count; i++) {
            const int64_t channel = i / plane % channels;
            double squares = 0;
            for (int64_t d = -((size - 1) / 2); d <= size / 2; d++)
                if (channel + d >= 0 && channel + d < channels)
                    squares += pow(number_get(x, i + d * plane), 2);
            test_number(y, i, number_get(x, i) / pow(1.5 + 0.5 / (double)size * squares, 0.625), 20, 0, "LRN");
        }
        test_tensor_free(y);
        test_tensor_free(x);
    }
}

/* Squares that no float holds. */
static void test_huge(void **unused) {
    (void)unused;
    static const float scales[] = {1e-30f, 1, 1e30f};
    for (size_t s = 0; s < 3; s++) {
        struct tensor *x = test_tensor(DTYPE_FLOAT, 2, 2, 40);
        double squares = 0;
        for (int64_t i = 0; i < 80; i++) {
            ((float *)x->data)[i] = scales[s] * (float)(i % 40 - 10);
            squares += i < 40 ? pow((double)((float *)x->data)[i], 2) : 0;
        }
        const struct tensor *inputs[] = {x};
        struct test_node node;
        test_node_init(&node, "LpNormalization", 1, 1);
        struct tensor *y = test_run_all_ways(&node, 22, inputs);
        for (int64_t i = 0; i < 80; i++)
            test_number(y, i, number_get(x, i) / sqrt(squares), 4, 0, "huge");
        test_tensor_free(y);
        test_tensor_free(x);
    }
}

/* Rows by a power of ten each, most of which leave the squares no floats; one in ten has a number that is not finite.
 */
static void choose_rows(struct random *random, struct tensor *x, bool *finite) {
    const int64_t size = x->shape.dims[1];
    for (int64_t row = 0; row < x->shape.dims[0]; row++) {
        const float scale = powf(10, (float)random_int(random, 0, 2) * (float)random_int(random, -15, 15));
        float *numbers = (float *)x->data + row * size;
        finite[row] = random_int(random, 0, 9) > 0;
        for (int64_t i = 0; i < size; i++)
            numbers[i] = scale * random_float(random);
        if (!finite[row])
            numbers[random_int(random, 0, size - 1)] = random_int(random, 0, 1) ? INFINITY : NAN;
    }
}

static void check_row(const struct tensor *x, const struct tensor *y, int64_t row, bool centered, double epsilon) {
    const int64_t size = x->shape.dims[1];
    double mean = 0, squares = 0;
    for (int64_t i = 0; i < size; i++)
        mean += centered ? number_get(x, row * size + i) / (double)size : 0;
    for (int64_t i = 0; i < size; i++)
        squares += pow(number_get(x, row * size + i) - mean, 2) / (double)size;
    for (int64_t i = 0; i < size; i++)
        test_number(y, row * size + i, (number_get(x, row * size + i) - mean) / sqrt(squares + epsilon), 60, 2e-5,
                    "a row of its own size");
}

/* Short rows are measured some at a time: each by its own numbers, whatever stands beside it. */
static void test_rows_of_any_size(void **unused) {
    (void)unused;
    struct random random = random_from(test_seed() + 6);
    for (int c = 0; c < test_cases(200); c++) {
        const int rows = (int)random_int(&random, 1, 21), size = (int)random_int(&random, 2, c % 3 ? 70 : 400);
        const bool centered = c % 2;
        const float epsilon = c % 4 < 2 ? 1e-30f : EPSILON;
        bool finite[21];
        struct tensor *inputs[] = {test_tensor(DTYPE_FLOAT, 2, rows, size), test_tensor(DTYPE_FLOAT, 1, size)};
        struct test_node node;
        choose_rows(&random, inputs[0], finite);
        for (int i = 0; i < size; i++)
            ((float *)inputs[1]->data)[i] = 1;
        test_node_init(&node, centered ? "LayerNormalization" : "RMSNormalization", 2, 1);
        test_node_float(&node, "epsilon", epsilon);
        struct tensor *y = test_run_all_ways(&node, 23, (const struct tensor *const *)inputs);
        for (int64_t row = 0; row < rows; row++)
            if (finite[row])
                check_row(inputs[0], y, row, centered, (double)epsilon);
            else
                assert_true(isnan(number_get(y, row * size)) || !centered);
        test_tensor_free(y);
        free_all(inputs, 2);
    }
}

static void test_refusals(void **unused) {
    (void)unused;
    struct tensor *x = test_tensor(DTYPE_FLOAT, 3, 2, 6, 4), *four = test_tensor(DTYPE_FLOAT, 1, 4);
    struct tensor *three = test_tensor(DTYPE_FLOAT, 1, 3), *six = test_tensor(DTYPE_FLOAT, 1, 6);
    struct test_node node;
    test_node_init(&node, "LayerNormalization", 2, 1);
    test_run_fails(&node, 17, (const struct tensor *[]){x, three}, STATUS_SHAPE,
                   "input 1 (Scale) is [3], which does not broadcast to input 0 (X) [2,6,4]");
    test_node_int(&node, "axis", 3);
    test_run_fails(&node, 17, (const struct tensor *[]){x, four}, STATUS_INVALID_MODEL, "axis");
    test_node_init(&node, "LayerNormalization", 2, 1);
    test_node_int(&node, "stash_type", 10);
    test_run_fails(&node, 17, (const struct tensor *[]){x, four}, STATUS_UNSUPPORTED, "stash_type");
    test_node_init(&node, "GroupNormalization", 3, 1);
    test_run_fails(&node, 21, (const struct tensor *[]){x, six, six}, STATUS_INVALID_MODEL, "num_groups");
    test_node_int(&node, "num_groups", 4);
    test_run_fails(&node, 21, (const struct tensor *[]){x, six, six}, STATUS_SHAPE, "no multiple of 4 groups");
    test_node_init(&node, "GroupNormalization", 3, 1);
    test_node_int(&node, "num_groups", 2);
    test_run_fails(&node, 21, (const struct tensor *[]){x, six, four}, STATUS_SHAPE,
                   "input 2 (bias) is [4], expected [6]");
    test_node_init(&node, "LpNormalization", 1, 1);
    test_node_int(&node, "p", 3);
    test_run_fails(&node, 1, (const struct tensor *[]){x}, STATUS_INVALID_MODEL, "\"p\" is 3");
    test_node_init(&node, "LRN", 1, 1);
    test_node_int(&node, "size", 0);
    test_run_fails(&node, 1, (const struct tensor *[]){x}, STATUS_INVALID_MODEL, "\"size\" is 0");
    test_node_init(&node, "MeanVarianceNormalization", 1, 1);
    test_run_fails(&node, 9, (const struct tensor *[]){x}, STATUS_INVALID_MODEL, "axes[2]");
    struct tensor *all[] = {x, three, four, six};
    free_all(all, 4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers),           cmocka_unit_test(test_groups),  cmocka_unit_test(test_axes),
        cmocka_unit_test(test_batch_training),   cmocka_unit_test(test_lrn),     cmocka_unit_test(test_huge),
        cmocka_unit_test(test_rows_of_any_size), cmocka_unit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
