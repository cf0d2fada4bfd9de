#include "tests/support/support.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"
#include "ops/kernels/cpu.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t test_seed(void) {
    const char *text = getenv("LIMNER_TEST_SEED");
    const uint64_t seed = text ? strtoull(text, NULL, 0) : 20260101;
    return seed;
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

int test_cases(int cases) {
    const char *text = getenv("LIMNER_TEST_CASES");
#ifdef SANITIZED
    const int usual = 10;
#else
    const int usual = 100;
#endif
    const int percent = text ? atoi(text) : usual;
    return (int)((int64_t)cases * (percent < 1 ? 1 : percent) / 100) + (percent < 100);
}

struct random random_from(uint64_t seed) {
    return (struct random){seed * 0x9e3779b97f4a7c15u + 1};
}

uint64_t random_next(struct random *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int64_t random_int(struct random *random, int64_t low, int64_t high) {
    return low + (int64_t)(random_next(random) % (uint64_t)(high - low + 1));
}

float random_float(struct random *random) {
    return (float)(int64_t)(random_next(random) >> 40) / (float)(1 << 23) - 1.0f;
}

static const struct kernels *chosen_kernels(void) {
    const char *name = getenv("LIMNER_TEST_CPU");
    const int level = name ? cpu_level_parse(name) : (int)cpu_best();
    const struct kernels *kernels = level < 0 ? NULL : kernels_get((enum cpu_level)level);
    if (!kernels)
        fail_msg("this machine has no kernels of level \"%s\"", name ? name : "best");
    return kernels;
}

/* Asked for in inner loops, while a virtual machine takes microseconds to say what its processor knows. */
const struct kernels *test_kernels(void) {
    static _Thread_local const struct kernels *kernels;
    if (!kernels)
        kernels = chosen_kernels();
    return kernels;
}

struct tensor *test_tensor_shape(enum dtype dtype, const struct shape *shape) {
    struct error err;
    struct tensor *tensor = calloc(1, sizeof *tensor);
    assert_non_null(tensor);
    if (tensor_describe(tensor, dtype, shape, &err) != STATUS_OK)
        fail_msg("%s", err.message);
    tensor->data = calloc(1, tensor->bytes + 1);
    assert_non_null(tensor->data);
    return tensor;
}

struct tensor *test_tensor(enum dtype dtype, int rank, ...) {
    struct shape shape = {.rank = rank};
    va_list dims;
    va_start(dims, rank);
    for (int i = 0; i < rank; i++)
        shape.dims[i] = va_arg(dims, int);
    va_end(dims);
    return test_tensor_shape(dtype, &shape);
}

void test_fill(struct tensor *tensor, struct random *random) {
    const size_t size = dtype_size(tensor->dtype);
    for (int64_t i = 0; i < tensor_elements(tensor); i++) {
        const double number =
            tensor->dtype == DTYPE_BOOL ? (double)random_int(random, 0, 1) : (double)random_int(random, 0, 9);
        switch (tensor->dtype) {
        case DTYPE_FLOAT:
            ((float *)tensor->data)[i] = random_float(random);
            break;
        case DTYPE_DOUBLE:
            ((double *)tensor->data)[i] = random_float(random);
            break;
        default: { /* little-endian: the low bytes of a small number are the number */
            const uint64_t bits = (uint64_t)number;
            memcpy((char *)tensor->data + (size_t)i * size, &bits, size < 8 ? size : 8);
        }
        }
    }
}

struct tensor *test_ints(int count, const int64_t *values) {
    struct tensor *tensor = test_tensor(DTYPE_INT64, 1, count);
    if (count)
        memcpy(tensor->data, values, (size_t)count * sizeof *values);
    return tensor;
}

void test_tensor_free(struct tensor *tensor) {
    if (tensor)
        free(tensor->data);
    free(tensor);
}

void test_node_init(struct test_node *test, const char *op_type, int input_count, int output_count) {
    *test = (struct test_node){.node = {.name = "node", .op_type = op_type, .domain = "", .overload = ""}};
    for (int i = 0; i < 32; i++)
        test->inputs[i] = test->outputs[i] = i;
    test->node.inputs = test->inputs;
    test->node.outputs = test->outputs;
    test->node.input_count = input_count;
    test->node.output_count = output_count;
    test->node.attributes = test->attributes;
}

static struct attribute *add_attribute(struct test_node *test, const char *name, enum attribute_type type) {
    assert_true(test->node.attribute_count < 24);
    test->node.attributes = test->attributes;
    struct attribute *attribute = &test->attributes[test->node.attribute_count++];
    *attribute = (struct attribute){.name = name, .type = type, .count = 1};
    return attribute;
}

void test_node_int(struct test_node *test, const char *name, int64_t value) {
    add_attribute(test, name, ATTRIBUTE_INT)->i = value;
}

void test_node_float(struct test_node *test, const char *name, float value) {
    add_attribute(test, name, ATTRIBUTE_FLOAT)->f = value;
}

void test_node_text(struct test_node *test, const char *name, const char *value) {
    add_attribute(test, name, ATTRIBUTE_STRING)->s = (struct text){value, strlen(value)};
}

void test_node_ints(struct test_node *test, const char *name, const int64_t *values, size_t count) {
    struct attribute *attribute = add_attribute(test, name, ATTRIBUTE_INTS);
    attribute->ints = values;
    attribute->count = count;
}

void test_node_floats(struct test_node *test, const char *name, const float *values, size_t count) {
    struct attribute *attribute = add_attribute(test, name, ATTRIBUTE_FLOATS);
    attribute->floats = values;
    attribute->count = count;
}

void test_node_texts(struct test_node *test, const char *name, const struct text *values, size_t count) {
    struct attribute *attribute = add_attribute(test, name, ATTRIBUTE_STRINGS);
    attribute->strings = values;
    attribute->count = count;
}

void test_node_tensor(struct test_node *test, const char *name, const struct tensor *value) {
    add_attribute(test, name, ATTRIBUTE_TENSOR)->tensor = value;
}

void test_evaluate(const struct test_node *test, int opset, const struct tensor *const *inputs,
                   struct tensor *const *outputs) {
    struct error err = {0};
    const status code = op_evaluate(&test->node, opset, inputs, outputs, test_kernels(), 2, SIZE_MAX, &err);
    if (code != STATUS_OK)
        fail_msg("%s at opset %d (seed %llu): %s", test->node.op_type, opset, (unsigned long long)test_seed(),
                 err.message);
}

static bool close_enough(double actual, double expected, double rtol, double atol) {
    if (isnan(expected) || isnan(actual))
        return isnan(expected) && isnan(actual);
    if (isinf(expected) || isinf(actual))
        return expected == actual;
    return fabs(actual - expected) <= atol + rtol * fabs(expected);
}

void test_close(const float *actual, const double *expected, size_t count, double rtol, double atol, const char *what) {
    for (size_t i = 0; i < count; i++)
        if (!close_enough(actual[i], expected[i], rtol, atol))
            fail_msg("%s: element %zu of %zu is %.9g, expected %.9g (seed %llu)", what, i, count, (double)actual[i],
                     expected[i], (unsigned long long)test_seed());
}

char *test_folder(void) {
    char *folder = strdup("/tmp/limner-test-XXXXXX");
    assert_non_null(folder);
    assert_non_null(mkdtemp(folder));
    return folder;
}

void test_folder_remove(char *folder) {
    char command[512];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    if (system(command) != 0)
        print_error("could not remove %s\n", folder);
    free(folder);
}

int files_in(const char *folder) {
    DIR *list = opendir(folder);
    int count = -2; /* . and .. */
    assert_non_null(list);
    while (readdir(list))
        count++;
    closedir(list);
    return count;
}
