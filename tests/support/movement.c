#include "tests/support/movement.h"

#include "ops/core/op.h"
#include "ops/evaluate.h"

#include <stdlib.h>
#include <string.h>

const enum dtype movement_types[MOVEMENT_TYPES] = {DTYPE_UINT8,  DTYPE_BFLOAT16,  DTYPE_FLOAT,      DTYPE_INT64,
                                                   DTYPE_DOUBLE, DTYPE_COMPLEX64, DTYPE_COMPLEX128, DTYPE_STRING};

struct shape random_shape(struct random *random, int low, int high) {
    struct shape shape = {.rank = (int)random_int(random, low, high)};
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = random_int(random, 1, shape.rank > 4 ? 4 : 6);
    if (shape.rank && random_int(random, 0, 15) == 0)
        shape.dims[random_int(random, 0, shape.rank - 1)] = 0;
    if (shape.rank && random_int(random, 0, 7) == 0)
        shape.dims[random_int(random, 0, shape.rank - 1)] *= random_int(random, 5, shape.rank > 4 ? 20 : 100);
    return shape;
}

struct tensor *random_tensor(struct random *random, enum dtype dtype, const struct shape *shape) {
    struct tensor *tensor = test_tensor_shape(dtype, shape);
    for (size_t i = 0; i < tensor->bytes; i++)
        ((unsigned char *)tensor->data)[i] = (unsigned char)random_next(random);
    return tensor;
}

struct shape shape_of(int rank, ...) {
    struct shape shape = {.rank = rank};
    va_list dims;
    va_start(dims, rank);
    for (int i = 0; i < rank; i++)
        shape.dims[i] = va_arg(dims, int);
    va_end(dims);
    return shape;
}

void unravel(const struct shape *shape, int64_t flat, int64_t *index) {
    for (int i = shape->rank - 1; i >= 0; i--) {
        index[i] = flat % shape->dims[i];
        flat /= shape->dims[i];
    }
}

int64_t ravel(const struct shape *shape, const int64_t *index) {
    int64_t flat = 0;
    for (int i = 0; i < shape->rank; i++)
        flat = flat * shape->dims[i] + index[i];
    return flat;
}

static struct tensor *evaluate_on(const struct test_node *test, int opset, const struct tensor *const *inputs,
                                  int threads) {
    struct tensor *output = calloc(1, sizeof *output);
    struct tensor *outputs[32] = {output};
    struct error err = {0};
    assert_non_null(output);
    if (op_evaluate(&test->node, opset, inputs, outputs, test_kernels(), threads, SIZE_MAX, &err) != STATUS_OK)
        fail_msg("%s at opset %d (seed %llu): %s", test->node.op_type, opset, (unsigned long long)test_seed(),
                 err.message);
    return output;
}

struct tensor *evaluate_moved(const struct test_node *test, int opset, const struct tensor *const *inputs) {
    struct tensor *one = evaluate_on(test, opset, inputs, 1), *three = evaluate_on(test, opset, inputs, 3);
    assert_true(shape_equal(&one->shape, &three->shape));
    assert_int_equal(one->dtype, three->dtype);
    if (memcmp(one->data, three->data, one->bytes) != 0)
        fail_msg("%s: 3 threads do not give what 1 gives (seed %llu)", test->node.op_type,
                 (unsigned long long)test_seed());
    test_tensor_free(three);
    return one;
}

void assert_status(const struct test_node *test, int opset, const struct tensor *const *inputs, status code,
                   const char *fragment) {
    struct tensor outputs[32] = {0};
    struct tensor *wanted[32];
    struct error err = {0};
    for (int i = 0; i < 32; i++)
        wanted[i] = &outputs[i];
    const status found = op_evaluate(&test->node, opset, inputs, wanted, test_kernels(), 2, (size_t)1 << 30, &err);
    if (found != code || !strstr(err.message, fragment))
        fail_msg("%s at opset %d: expected status %d with \"%s\", found %d: %s", test->node.op_type, opset, (int)code,
                 fragment, (int)found, err.message);
    for (int i = 0; i < 32; i++)
        free(outputs[i].data);
}

void check_moved(struct tensor *output, const struct shape *expected, const struct tensor *input, const void *value,
                 source_of *source, void *context) {
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    const size_t size = dtype_size(input->dtype);
    int64_t index[MAX_RANK];
    assert_int_equal(output->dtype, input->dtype);
    if (!shape_equal(&output->shape, expected))
        fail_msg("shape %s, expected %s (seed %llu)", shape_text(&output->shape, text), shape_text(expected, other),
                 (unsigned long long)test_seed());
    for (int64_t i = 0; i < tensor_elements(output); i++) {
        unravel(expected, i, index);
        const int64_t from = source(index, context);
        const void *wanted = from < 0 ? value : (const char *)input->data + (size_t)from * size;
        if (memcmp((const char *)output->data + (size_t)i * size, wanted, size) != 0)
            fail_msg("element %lld of %s is not element %lld of %s (seed %llu)", (long long)i,
                     shape_text(&output->shape, text), (long long)from, shape_text(&input->shape, other),
                     (unsigned long long)test_seed());
    }
    test_tensor_free(output);
}
