/* Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout: the same bytes under another shape. */
#include "ops/core/op.h"
#include "ops/registry.h"
#include "tests/support/movement.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The node's output 0 must have this shape and the bytes of input 0. */
static void check_same(const struct test_node *node, int opset, const struct tensor *const *inputs,
                       const struct shape *expected) {
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    struct tensor *output = evaluate_moved(node, opset, inputs);
    if (!shape_equal(&output->shape, expected))
        fail_msg("%s: shape %s, expected %s (seed %llu)", node->node.op_type, shape_text(&output->shape, text),
                 shape_text(expected, other), (unsigned long long)test_seed());
    assert_int_equal(output->dtype, inputs[0]->dtype);
    assert_int_equal(output->bytes, inputs[0]->bytes);
    assert_memory_equal(output->data, inputs[0]->data, output->bytes);
    test_tensor_free(output);
}

/* Any type will do, packed ones included. */
static enum dtype random_type(struct random *random) {
    return (enum dtype)random_int(random, DTYPE_FLOAT, DTYPE_INT2);
}

/* ---- Reshape ---- */

static void test_random_reshapes(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int round = 0; round < 500; round++) {
        const struct shape shape = random_shape(&random, 0, 6);
        if (shape_elements(&shape) == 0)
            continue;
        struct tensor *data = random_tensor(&random, random_type(&random), &shape);
        struct shape expected = {0};
        int64_t rest = tensor_elements(data), list[MAX_RANK];
        while (expected.rank < 5 && rest > 1) { /* factors in a row, then what is left */
            int64_t factor = random_int(&random, 1, 12);
            while (rest % factor)
                factor--;
            expected.dims[expected.rank++] = factor;
            rest /= factor;
        }
        expected.dims[expected.rank++] = rest;
        memcpy(list, expected.dims, sizeof list);
        const int any = (int)random_int(&random, 0, expected.rank - 1);
        if (random_int(&random, 0, 1))
            list[any] = -1;
        for (int i = 0; i < expected.rank && i < shape.rank; i++)
            if (list[i] == shape.dims[i] && random_int(&random, 0, 1))
                list[i] = 0;
        struct tensor *wanted = test_ints(expected.rank, list);
        struct test_node node;
        test_node_init(&node, "Reshape", 2, 1);
        check_same(&node, 7 + round % 20, (const struct tensor *const[]){data, wanted}, &expected);
        test_tensor_free(data);
        test_tensor_free(wanted);
    }
}

static void test_reshape_zeros(void **state) {
    (void)state;
    struct tensor *data = test_tensor(DTYPE_FLOAT, 3, 2, 0, 3), *zero = test_ints(2, (int64_t[]){0, 7}),
                  *scalar = test_tensor(DTYPE_FLOAT, 1, 1), *none = test_ints(0, NULL);
    const struct shape expected = shape_of(2, 0, 7), empty = {0};
    struct test_node node, plain;
    test_node_init(&node, "Reshape", 2, 1);
    test_node_int(&node, "allowzero", 1);
    test_node_init(&plain, "Reshape", 2, 1);
    check_same(&node, 14, (const struct tensor *const[]){data, zero}, &expected);
    check_same(&plain, 14, (const struct tensor *const[]){scalar, none}, &empty);
    test_tensor_free(data);
    test_tensor_free(zero);
    test_tensor_free(scalar);
    test_tensor_free(none);
}

static void refuse_reshape(bool allow_zero, int count, const int64_t *list, status code, const char *fragment) {
    struct tensor *data = test_tensor(DTYPE_FLOAT, 3, 1, 3, 4), *wanted = test_ints(count, list);
    struct test_node node;
    test_node_init(&node, "Reshape", 2, 1);
    if (allow_zero)
        test_node_int(&node, "allowzero", 1);
    assert_status(&node, 19, (const struct tensor *const[]){data, wanted}, code, fragment);
    test_tensor_free(data);
    test_tensor_free(wanted);
}

static void test_reshape_refusals(void **state) {
    (void)state;
    refuse_reshape(false, 2, (int64_t[]){5, -1}, STATUS_SHAPE, "cannot reshape [1,3,4] (12 elements) to [5,-1]");
    refuse_reshape(false, 2, (int64_t[]){5, 2}, STATUS_SHAPE, "cannot reshape [1,3,4] (12 elements) to [5,2]");
    refuse_reshape(false, 2, (int64_t[]){-1, -1}, STATUS_SHAPE, "only one size can be -1");
    refuse_reshape(false, 2, (int64_t[]){-2, -6}, STATUS_SHAPE, "a size is negative");
    refuse_reshape(false, 2, (int64_t[]){INT64_MIN, 1}, STATUS_SHAPE, "a size is negative");
    refuse_reshape(false, 2, (int64_t[]){INT64_MAX, INT64_MAX}, STATUS_SHAPE, "cannot reshape");
    refuse_reshape(false, 3, (int64_t[]){INT64_MAX, INT64_MAX, -1}, STATUS_SHAPE, "cannot reshape");
    refuse_reshape(false, 4, (int64_t[]){1, 3, 4, 0}, STATUS_SHAPE, "no axis to copy");
    refuse_reshape(true, 2, (int64_t[]){0, -1}, STATUS_SHAPE, "exclude each other");
    refuse_reshape(true, 2, (int64_t[]){0, 12}, STATUS_SHAPE, "cannot reshape");
    refuse_reshape(false, 9, (int64_t[]){1, 1, 1, 1, 1, 1, 1, 1, 12}, STATUS_LIMIT, "at most 8");
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 0, 3), *wanted = test_ints(2, (int64_t[]){0, -1});
    struct test_node node;
    test_node_init(&node, "Reshape", 2, 1);
    assert_status(&node, 13, (const struct tensor *const[]){data, wanted}, STATUS_SHAPE, "-1 could be any size");
    test_node_int(&node, "allowzero", 1);
    assert_status(&node, 13, (const struct tensor *const[]){data, wanted}, STATUS_UNSUPPORTED, "allowzero");
    test_tensor_free(data);
    test_tensor_free(wanted);
}

/* ---- Flatten ---- */

static void test_flatten(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 1);
    for (int round = 0; round < 300; round++) {
        const struct shape shape = random_shape(&random, 0, 6);
        struct tensor *data = random_tensor(&random, random_type(&random), &shape);
        int axis = (int)random_int(&random, -shape.rank, shape.rank);
        struct test_node node;
        test_node_init(&node, "Flatten", 1, 1);
        if (axis != 1 || round % 2)
            test_node_int(&node, "axis", axis);
        struct shape expected = {.rank = 2, .dims = {1, 1}};
        for (int i = 0; i < shape.rank; i++)
            expected.dims[i >= (axis < 0 ? axis + shape.rank : axis)] *= shape.dims[i];
        if (shape.rank || axis == 0)
            check_same(&node, 7 + round % 20, (const struct tensor *const[]){data}, &expected);
        test_tensor_free(data);
    }
    struct tensor *data = test_tensor(DTYPE_FLOAT, 2, 2, 3);
    struct test_node node;
    test_node_init(&node, "Flatten", 1, 1);
    test_node_int(&node, "axis", 3);
    assert_status(&node, 13, (const struct tensor *const[]){data}, STATUS_INVALID_MODEL, "axis is 3, expected -2..2");
    test_tensor_free(data);
}

/* ---- Squeeze and Unsqueeze ---- */

/* A shape without and with sizes of 1 at some axes. */
struct squeeze {
    struct shape narrow, wide;
    int count;
    int64_t axes[MAX_RANK];
};

static struct squeeze random_squeeze(struct random *random) {
    struct squeeze s = {.narrow = random_shape(random, 0, 4)};
    s.wide.rank = s.narrow.rank + (int)random_int(random, 0, 4);
    for (int i = 0, from = 0; i < s.wide.rank; i++) {
        const int fresh_left = s.wide.rank - s.narrow.rank - s.count;
        const bool fresh = from == s.narrow.rank || (fresh_left > 0 && random_int(random, 0, 1));
        s.wide.dims[i] = fresh ? 1 : s.narrow.dims[from++];
        if (fresh)
            s.axes[s.count++] = random_int(random, 0, 1) ? i : i - s.wide.rank;
    }
    for (int i = s.count - 1; i > 0; i--) { /* in any order */
        const int64_t j = random_int(random, 0, i), other = s.axes[j];
        s.axes[j] = s.axes[i];
        s.axes[i] = other;
    }
    return s;
}

static void check_squeeze(struct random *random, const char *op, const struct squeeze *s, int opset) {
    const bool squeeze = strcmp(op, "Squeeze") == 0;
    struct tensor *data = random_tensor(random, random_type(random), squeeze ? &s->wide : &s->narrow);
    struct tensor *axes = test_ints(s->count, s->axes);
    struct test_node node;
    test_node_init(&node, op, opset < 13 ? 1 : 2, 1);
    if (opset < 13)
        test_node_ints(&node, "axes", s->axes, (size_t)s->count);
    check_same(&node, opset, (const struct tensor *const[]){data, opset < 13 ? NULL : axes},
               squeeze ? &s->narrow : &s->wide);
    test_tensor_free(data);
    test_tensor_free(axes);
}

static void test_squeeze_and_unsqueeze(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 2);
    for (int round = 0; round < 600; round++) {
        const struct squeeze s = random_squeeze(&random);
        check_squeeze(&random, round % 2 ? "Squeeze" : "Unsqueeze", &s, 7 + round % 20);
    }
}

static void test_squeeze_all(void **state) {
    (void)state;
    struct tensor *data = test_tensor(DTYPE_FLOAT, 5, 1, 3, 1, 1, 2);
    const struct shape expected = shape_of(2, 3, 2);
    struct test_node node;
    test_node_init(&node, "Squeeze", 1, 1);
    check_same(&node, 11, (const struct tensor *const[]){data}, &expected);
    check_same(&node, 13, (const struct tensor *const[]){data}, &expected);
    test_tensor_free(data);
}

static void refuse_axes(const char *op, int count, const int64_t *list, status code, const char *fragment) {
    struct tensor *data = test_tensor(DTYPE_FLOAT, 3, 1, 3, 1), *axes = test_ints(count, list);
    struct test_node node;
    test_node_init(&node, op, 2, 1);
    assert_status(&node, 13, (const struct tensor *const[]){data, axes}, code, fragment);
    test_tensor_free(data);
    test_tensor_free(axes);
}

static void test_squeeze_refusals(void **state) {
    (void)state;
    refuse_axes("Squeeze", 1, (int64_t[]){1}, STATUS_SHAPE, "cannot squeeze axis 1 of [1,3,1], its size is not 1");
    refuse_axes("Squeeze", 1, (int64_t[]){3}, STATUS_INVALID_MODEL, "axes[0] is 3, expected -3..2");
    refuse_axes("Squeeze", 2, (int64_t[]){0, -3}, STATUS_INVALID_MODEL, "axes[1] is -3");
    refuse_axes("Unsqueeze", 2, (int64_t[]){0, -5}, STATUS_INVALID_MODEL, "axes[1] is -5");
    refuse_axes("Unsqueeze", 1, (int64_t[]){4}, STATUS_INVALID_MODEL, "axes[0] is 4, expected -4..3");
    refuse_axes("Unsqueeze", 6, (int64_t[]){0, 1, 2, 3, 4, 5}, STATUS_LIMIT, "rank 9, at most 8");
    struct tensor *data = test_tensor(DTYPE_FLOAT, 3, 1, 3, 1);
    struct test_node node;
    test_node_init(&node, "Unsqueeze", 1, 1);
    assert_status(&node, 11, (const struct tensor *const[]){data}, STATUS_INVALID_MODEL, "\"axes\" is missing");
    assert_status(&node, 13, (const struct tensor *const[]){data}, STATUS_INVALID_MODEL, "input 1 (axes) is missing");
    test_tensor_free(data);
}

/* ---- Identity and Dropout ---- */

static void test_identity(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 3);
    for (int dtype = DTYPE_FLOAT; dtype <= DTYPE_INT2; dtype++) {
        const struct shape shape = random_shape(&random, 0, 6);
        struct tensor *data = random_tensor(&random, (enum dtype)dtype, &shape);
        struct test_node node;
        test_node_init(&node, "Identity", 1, 1);
        check_same(&node, 25, (const struct tensor *const[]){data}, &shape);
        test_tensor_free(data);
    }
}

/* An alias whose memory is shared already is left alone. */
static void test_alias(void **state) {
    (void)state;
    float values[3] = {1, 2, 3};
    struct tensor data = {.dtype = DTYPE_FLOAT, .shape = shape_of(1, 3), .data = values, .bytes = sizeof values};
    struct tensor output = data;
    struct error err;
    struct op_call call = {.op = op_find("", "Identity", 13),
                           .input_count = 1,
                           .output_count = 1,
                           .inputs = (const struct tensor *const[]){&data},
                           .outputs = (struct tensor *const[]){&output},
                           .threads = 1};
    assert_int_equal(call.op->storage, STORAGE_ALIAS);
    assert_int_equal(call.op->run(&call, &err), STATUS_OK);
    assert_true(values[2] == 3);
}

static void test_dropout(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 4);
    static const int opsets[] = {7, 9, 10, 11, 12, 13, 22};
    static const enum dtype types[] = {DTYPE_FLOAT, DTYPE_DOUBLE, DTYPE_FLOAT16};
    static const uint16_t half = 0x3c00;
    static const float one_float = 1;
    static const double one_double = 1;
    static const void *const ones[] = {&one_float, &one_double, &half};
    for (int round = 0; round < 21; round++) {
        const int opset = opsets[round % 7];
        const struct shape shape = shape_of(2, 3, 5);
        struct tensor *data = random_tensor(&random, types[round / 7], &shape);
        struct tensor *no = test_tensor(DTYPE_BOOL, 0);
        struct tensor mask, output, *outputs[] = {&output, &mask};
        struct test_node node;
        test_node_init(&node, "Dropout", opset < 12 ? 1 : 3, 2);
        if (opset < 12)
            test_node_float(&node, "ratio", 0.75f);
        else
            test_node_int(&node, "seed", 3);
        test_evaluate(&node, opset, (const struct tensor *const[]){data, NULL, no}, outputs);
        assert_memory_equal(output.data, data->data, data->bytes);
        assert_int_equal(mask.dtype, opset < 10 ? data->dtype : DTYPE_BOOL);
        assert_true(shape_equal(&mask.shape, &shape));
        for (size_t i = 0; i < 15; i++)
            assert_memory_equal((char *)mask.data + i * dtype_size(mask.dtype), opset < 10 ? ones[round / 7] : "\1",
                                dtype_size(mask.dtype));
        test_tensor_free(data);
        test_tensor_free(no);
        free(mask.data);
        free(output.data);
    }
}

/* Some are dropped, about as many as asked for; the others are scaled. */
static void test_dropout_in_training(void **state) {
    (void)state;
    struct random random = random_from(test_seed() + 77);
    const struct shape shape = shape_of(1, 20000);
    struct tensor *data = test_tensor_shape(DTYPE_FLOAT, &shape), *ratio = test_tensor(DTYPE_FLOAT, 0),
                  *yes = test_tensor(DTYPE_BOOL, 0);
    const struct tensor *const inputs[] = {data, ratio, yes};
    struct tensor mask, output, *outputs[] = {&output, &mask};
    struct test_node node;
    int stay = 0;
    test_fill(data, &random);
    *(unsigned char *)yes->data = 1;
    test_node_init(&node, "Dropout", 3, 1);
    check_same(&node, 13, inputs, &shape);
    *(float *)ratio->data = 1;
    assert_status(&node, 13, inputs, STATUS_INVALID_MODEL, "ratio");
    *(float *)ratio->data = 0.25f;
    test_node_init(&node, "Dropout", 3, 2);
    test_node_int(&node, "seed", 5);
    test_evaluate(&node, 13, inputs, outputs);
    for (int i = 0; i < 20000; i++) {
        const float x = ((const float *)data->data)[i], y = ((const float *)output.data)[i];
        stay += ((const bool *)mask.data)[i];
        assert_true(((const bool *)mask.data)[i] ? fabsf(y - x / 0.75f) <= 1e-6f * fabsf(x / 0.75f) : y == 0);
    }
    assert_in_range(stay, 14600, 15400); /* six deviations */
    free(output.data);
    free(mask.data);
    test_tensor_free(data);
    test_tensor_free(ratio);
    test_tensor_free(yes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_reshapes),
                                       cmocka_unit_test(test_reshape_zeros),
                                       cmocka_unit_test(test_reshape_refusals),
                                       cmocka_unit_test(test_flatten),
                                       cmocka_unit_test(test_squeeze_and_unsqueeze),
                                       cmocka_unit_test(test_squeeze_all),
                                       cmocka_unit_test(test_squeeze_refusals),
                                       cmocka_unit_test(test_identity),
                                       cmocka_unit_test(test_alias),
                                       cmocka_unit_test(test_dropout),
                                       cmocka_unit_test(test_dropout_in_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
