/* Operators that are written as others: what comes out of them, beside double precision, and what is refused. */
#include "tests/support/builder.h"
#include "tests/support/numbers.h"
#include "tests/support/run_once.h"

#include <math.h>
#include <string.h>

static struct tensor *random_bytes(struct random *random, enum dtype dtype, const struct shape *shape) {
    struct tensor *tensor = test_tensor_shape(dtype, shape);
    for (size_t i = 0; i < tensor->bytes; i++)
        ((uint8_t *)tensor->data)[i] = (uint8_t)random_next(random);
    return tensor;
}

/* ---- quantized operators ---- */

/* One quantization of all inputs, and one of the result. */
struct coding {
    enum dtype dtype;
    float scale, result_scale;
    int zero, result_zero;
    bool zeros; /* the model says zero points */
};

static struct coding random_coding(struct random *random) {
    struct coding c = {.dtype = random_int(random, 0, 1) ? DTYPE_INT8 : DTYPE_UINT8,
                       .scale = (float)random_int(random, 1, 20) / 256,
                       .result_scale = (float)random_int(random, 1, 20) / 128,
                       .zeros = random_int(random, 0, 1)};
    const int low = c.dtype == DTYPE_INT8 ? -50 : 50;
    c.zero = c.zeros ? low + (int)random_int(random, 0, 100) : 0;
    c.result_zero = c.zeros ? low + (int)random_int(random, 0, 100) : 0;
    return c;
}

static void add_constant(struct builder *builder, const char *name, enum dtype dtype, double value) {
    struct tensor *tensor = test_tensor(dtype, 0);
    number_set(tensor, 0, value);
    build_constant(builder, name, tensor);
    test_tensor_free(tensor);
}

/* With s, z, t, u: scale and zero point of what comes in, and of the result. */
static struct builder start(const struct coding *c, const char *const *dims, int count) {
    static const char *const names[] = {"x0", "x1", "x2"};
    struct builder builder = build_start(17);
    for (int i = 0; i < count; i++)
        build_input(&builder, names[i], c->dtype, dims[i]);
    add_constant(&builder, "s", DTYPE_FLOAT, (double)c->scale);
    add_constant(&builder, "t", DTYPE_FLOAT, (double)c->result_scale);
    if (c->zeros) {
        add_constant(&builder, "z", c->dtype, c->zero);
        add_constant(&builder, "u", c->dtype, c->result_zero);
    }
    return builder;
}

static double real(const struct coding *c, const struct tensor *tensor, int64_t i) {
    return (number_get(tensor, i) - c->zero) * (double)c->scale;
}

/* The code is that of the number, or of a number that rounding cannot tell from it. */
static void check_code(const struct coding *c, const struct tensor *y, int64_t i, double expected) {
    const double low = c->dtype == DTYPE_INT8 ? -128 : 0, exact = expected / (double)c->result_scale + c->result_zero;
    const double found = number_get(y, i), clipped = fmin(fmax(exact, low), low + 255);
    assert_int_equal(y->dtype, c->dtype);
    if (fabs(found - clipped) > 0.5 + 1e-3)
        fail_msg("seed %llu: element %d is %g, expected %g", (unsigned long long)test_seed(), (int)i, found, exact);
}

static const struct shape flat = {4, {2, 3, 4, 5}};

#define FLAT "2 3 4 5"

static double leaky(double x) {
    return x < 0 ? 0.25 * x : x;
}

static void functions_of_one(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double (*function)(double);
    } rows[] = {{"QLinearSigmoid", sigmoid}, {"QLinearLeakyRelu", leaky}};
    struct random random = random_from(test_seed());
    for (int round = 0; round < test_cases(20); round++) {
        const struct coding c = random_coding(&random);
        struct builder builder = start(&c, (const char *const[]){FLAT}, 1);
        struct tensor *x = random_bytes(&random, c.dtype, &flat), *kept = test_copy(x);
        build_node(&builder, rows[round % 2].name, c.zeros ? "x0 s z t u" : "x0 s - t", "y");
        build_name(&builder, "n", MICROSOFT);
        if (round % 2)
            build_attribute_float(&builder, "alpha", 0.25f);
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        for (int64_t i = 0; i < tensor_elements(y); i++)
            check_code(&c, y, i, rows[round % 2].function(real(&c, kept, i)));
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

static void functions_of_two(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    const struct shape row = {1, {5}};
    for (int round = 0; round < test_cases(20); round++) {
        const struct coding c = random_coding(&random);
        struct builder builder = start(&c, (const char *const[]){FLAT, "5"}, 2);
        struct tensor *x[] = {random_bytes(&random, c.dtype, &flat), random_bytes(&random, c.dtype, &row)};
        struct tensor *a = test_copy(x[0]), *b = test_copy(x[1]);
        build_node(&builder, round % 2 ? "QLinearMul" : "QLinearAdd", c.zeros ? "x0 s z x1 s z t u" : "x0 s - x1 s - t",
                   "y");
        build_name(&builder, "n", MICROSOFT);
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, x, 2);
        for (int64_t i = 0; i < tensor_elements(y); i++) {
            const double left = real(&c, a, i), right = real(&c, b, i % 5);
            check_code(&c, y, i, round % 2 ? left * right : left + right);
        }
        test_tensor_free(a);
        test_tensor_free(b);
        test_tensor_free(y);
    }
}

/* Channels first or last; the mean of the whole picture, or of windows of 2 by 2. */
static void averages(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < test_cases(20); round++) {
        const struct coding c = random_coding(&random);
        const bool last = random_int(&random, 0, 1), whole = random_int(&random, 0, 1);
        const struct shape shape = last ? (struct shape){4, {2, 4, 6, 3}} : (struct shape){4, {2, 3, 4, 6}};
        struct builder builder = start(&c, (const char *const[]){last ? "2 4 6 3" : "2 3 4 6"}, 1);
        struct tensor *x = random_bytes(&random, c.dtype, &shape), *kept = test_copy(x);
        build_node(&builder, whole ? "QLinearGlobalAveragePool" : "QLinearAveragePool",
                   c.zeros ? "x0 s z t u" : "x0 s - t", "y");
        build_name(&builder, "n", MICROSOFT);
        build_attribute_int(&builder, "channels_last", last);
        if (!whole) {
            build_attribute_ints(&builder, "kernel_shape", "2 2");
            build_attribute_ints(&builder, "strides", "2 2");
        }
        build_output(&builder, "y");
        struct tensor *y = run_once(&builder, &x, 1);
        const int64_t rows = whole ? 1 : 2, columns = whole ? 1 : 3, high = 4 / rows, wide = 6 / columns;
        assert_int_equal(tensor_elements(y), 2 * 3 * rows * columns);
        for (int64_t i = 0; i < tensor_elements(y); i++) {
            const int64_t channel = last ? i % 3 : i / columns / rows % 3, place = last ? i / 3 : i;
            const int64_t column = place % columns, row = place / columns % rows, image = i / (3 * rows * columns);
            double sum = 0;
            for (int64_t k = 0; k < high * wide; k++) {
                const int64_t a = row * high + k / wide, b = column * wide + k % wide;
                sum += real(&c, kept,
                            last ? ((image * 4 + a) * 6 + b) * 3 + channel : ((image * 3 + channel) * 4 + a) * 6 + b);
            }
            check_code(&c, y, i, sum / (double)(high * wide));
        }
        test_tensor_free(kept);
        test_tensor_free(y);
    }
}

static void parts_side_by_side(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    struct coding c = random_coding(&random);
    c.zeros = true;
    struct builder builder = start(&c, (const char *const[]){"2 3", "2 1", "2 2"}, 3);
    struct tensor *x[3], *kept[3];
    static const int64_t widths[] = {3, 1, 2};
    for (int i = 0; i < 3; i++) {
        x[i] = random_bytes(&random, c.dtype, &(struct shape){2, {2, widths[i]}});
        kept[i] = test_copy(x[i]);
    }
    build_node(&builder, "QLinearConcat", "t u x0 s z x1 s z x2 s z", "y");
    build_name(&builder, "n", MICROSOFT);
    build_attribute_int(&builder, "axis", 1);
    build_output(&builder, "y");
    struct tensor *y = run_once(&builder, x, 3);
    for (int i = 0; i < 12; i++) {
        const int column = i % 6, part = column < 3 ? 0 : column < 4 ? 1 : 2, first = part ? part + 2 : 0;
        check_code(&c, y, i, real(&c, kept[part], i / 6 * widths[part] + column - first));
    }
    for (int i = 0; i < 3; i++)
        test_tensor_free(kept[i]);
    test_tensor_free(y);
}

/* ---- refusals ---- */

static void refused(struct builder *builder, const char *inputs, const char *op, const char *attribute, int64_t value,
                    const char *message) {
    limner_error error;
    build_node(builder, op, inputs, "y");
    build_name(builder, "n", MICROSOFT);
    if (attribute)
        build_attribute_int(builder, attribute, value);
    build_output(builder, "y");
    assert_int_not_equal(build_failing(builder, &error), LIMNER_OK);
    if (!strstr(error.message, message))
        fail_msg("\"%s\" does not say \"%s\"", error.message, message);
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    const struct coding c = {.dtype = DTYPE_INT8, .scale = 1, .result_scale = 1};
    const char *const one[] = {FLAT};
    struct builder builder = start(&c, one, 1);
    refused(&builder, "x0 s - t", "QLinearSoftmax", "opset", 0, "\"opset\" is 0");
    builder = start(&c, one, 1);
    refused(&builder, "x0 s - t", "QLinearSigmoid", "alpha", 1, "alpha");
    builder = start(&c, one, 1);
    refused(&builder, "t - x0 s", "QLinearConcat", NULL, 0, "data, scale and zero point each");
    builder = start(&c, one, 1);
    build_float(&builder, "f", 1);
    refused(&builder, "f f", "CDist", "metric", 1, "metric");
    builder = start(&c, one, 1);
    refused(&builder, "f f f", "Attention", "do_rotary", 1, "do_rotary");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(functions_of_one), cmocka_unit_test(functions_of_two),
                                       cmocka_unit_test(averages), cmocka_unit_test(parts_side_by_side),
                                       cmocka_unit_test(what_cannot_be_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}