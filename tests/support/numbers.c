#include "tests/support/numbers.h"

#include "ops/core/attributes.h"
#include "ops/core/op_infer.h"
#include "ops/evaluate.h"
#include "ops/registry.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Sign, exponent bits and fraction bits of the 16-bit types, decoded by the book. */
static double small_float(uint16_t bits, int exponent_bits) {
    const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1),
              fraction = bits & ((1 << fraction_bits) - 1);
    const double sign = bits >> 15 ? -1 : 1;
    if (exponent == (1 << exponent_bits) - 1)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    if (exponent == 0)
        return sign * ldexp(fraction, 1 - bias - fraction_bits);
    return sign * ldexp(fraction + (1 << fraction_bits), exponent - bias - fraction_bits);
}

static uint16_t small_bits(double value, int exponent_bits) {
    for (uint32_t bits = 0; bits < 0x10000; bits++) { /* slow and sure; numbers near zero come first */
        const double found = small_float((uint16_t)bits, exponent_bits);
        if (found == value || (isnan(value) && isnan(found)))
            return (uint16_t)bits;
    }
    fail_msg("%g is not a 16-bit number", value);
    return 0;
}

static uint16_t small_encode(double value, int exponent_bits) {
    const int fraction_bits = 15 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
    int exponent;
    const double fraction = frexp(fabs(value), &exponent);
    if (value == 0 || !isfinite(value) || exponent - 1 < 1 - bias)
        return small_bits(value, exponent_bits);
    const uint32_t digits = (uint32_t)ldexp(fraction, fraction_bits + 1);
    assert_true(ldexp(digits, exponent - fraction_bits - 1) == fabs(value));
    return (uint16_t)((value < 0 ? 0x8000 : 0) | (uint32_t)(exponent - 1 + bias) << fraction_bits |
                      (digits & ((1u << fraction_bits) - 1)));
}

double number_get(const struct tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
    case DTYPE_FLOAT:
        return (double)((const float *)tensor->data)[i];
    case DTYPE_DOUBLE:
        return ((const double *)tensor->data)[i];
    case DTYPE_FLOAT16:
        return small_float(((const uint16_t *)tensor->data)[i], 5);
    case DTYPE_BFLOAT16:
        return small_float(((const uint16_t *)tensor->data)[i], 8);
    case DTYPE_INT8:
        return ((const int8_t *)tensor->data)[i];
    case DTYPE_INT16:
        return ((const int16_t *)tensor->data)[i];
    case DTYPE_INT32:
        return ((const int32_t *)tensor->data)[i];
    case DTYPE_INT64:
        return (double)((const int64_t *)tensor->data)[i];
    case DTYPE_BOOL:
    case DTYPE_UINT8:
        return ((const uint8_t *)tensor->data)[i];
    case DTYPE_UINT16:
        return ((const uint16_t *)tensor->data)[i];
    case DTYPE_UINT32:
        return ((const uint32_t *)tensor->data)[i];
    case DTYPE_UINT64:
        return (double)((const uint64_t *)tensor->data)[i];
    default:
        fail_msg("no numbers: %s", dtype_name(tensor->dtype));
        return 0;
    }
}

void number_set(struct tensor *tensor, int64_t i, double value) {
    switch (tensor->dtype) {
    case DTYPE_FLOAT:
        ((float *)tensor->data)[i] = (float)value;
        break;
    case DTYPE_DOUBLE:
        ((double *)tensor->data)[i] = value;
        break;
    case DTYPE_FLOAT16:
        ((uint16_t *)tensor->data)[i] = small_encode(value, 5);
        break;
    case DTYPE_BFLOAT16:
        ((uint16_t *)tensor->data)[i] = small_encode(value, 8);
        break;
    default: { /* little-endian: the low bytes are the integer */
        const uint64_t bits = value < 0 ? (uint64_t)(int64_t)value : (uint64_t)value;
        const size_t size = dtype_size(tensor->dtype);
        memcpy((char *)tensor->data + (size_t)i * size, &bits, size);
    }
    }
}

bool number_is_integer(enum dtype dtype) {
    return (TYPE(dtype) & (TYPES_INTEGER | TYPES_BOOL)) != 0;
}

bool number_is_signed(enum dtype dtype) {
    return dtype != DTYPE_BOOL && dtype != DTYPE_UINT8 && dtype != DTYPE_UINT16 && dtype != DTYPE_UINT32 &&
           dtype != DTYPE_UINT64;
}

double number_epsilon(enum dtype dtype) {
    switch (dtype) {
    case DTYPE_FLOAT:
        return ldexp(1, -24);
    case DTYPE_DOUBLE:
        return ldexp(1, -53);
    case DTYPE_FLOAT16:
        return ldexp(1, -11);
    case DTYPE_BFLOAT16:
        return ldexp(1, -8);
    default:
        return 0;
    }
}

void number_fill(struct tensor *tensor, struct random *random, double low, double high) {
    const bool coarse = tensor->dtype == DTYPE_BFLOAT16 && (high > 16 || low < -16); /* eight digits are all it has */
    const double step = number_is_integer(tensor->dtype) || coarse ? 1 : 8;
    const double from = number_is_signed(tensor->dtype) ? low : low < 0 ? 0 : low;
    for (int64_t i = 0; i < tensor_elements(tensor); i++) {
        const int64_t first = (int64_t)ceil(from * step), last = (int64_t)floor(high * step);
        const double value = (double)random_int(random, first, last) / step;
        number_set(tensor, i, tensor->dtype == DTYPE_BOOL ? (double)random_int(random, 0, 1) : value);
    }
}

struct shape number_shape(struct random *random, int max_rank, int max_dim) {
    struct shape shape = {.rank = (int)random_int(random, 0, max_rank)};
    for (int d = 0; d < shape.rank; d++)
        shape.dims[d] = random_int(random, 0, 40) ? random_int(random, 1, max_dim) : 0;
    return shape;
}

struct shape number_part(struct random *random, const struct shape *shape) {
    const int dropped = random_int(random, 0, 2) ? 0 : (int)random_int(random, 0, shape->rank);
    struct shape part = {.rank = shape->rank - dropped};
    const bool whole = random_int(random, 0, 2) == 0;
    for (int d = 0; d < part.rank; d++)
        part.dims[d] = whole || random_int(random, 0, 1) ? shape->dims[d + dropped] : 1;
    return part;
}

int64_t broadcast_index(const struct shape *part, const struct shape *whole, int64_t i) {
    int64_t index = 0, stride = 1;
    for (int d = whole->rank - 1; d >= 0; d--) {
        const int own = d - (whole->rank - part->rank);
        const int64_t at = i % whole->dims[d];
        i /= whole->dims[d];
        if (own < 0)
            continue;
        index += part->dims[own] == 1 ? 0 : at * stride;
        stride *= part->dims[own];
    }
    return index;
}

struct tensor *test_copy(const struct tensor *tensor) {
    struct tensor *copy = test_tensor_shape(tensor->dtype, &tensor->shape);
    memcpy(copy->data, tensor->data, tensor->bytes);
    return copy;
}

/* Everything between infer and release, the output's memory being there. */
static status compute(struct op_call *call, struct error *err) {
    size_t bytes = 0;
    void *workspace = NULL;
    status code = call->op->prepare ? call->op->prepare(call, &bytes, err) : STATUS_OK;
    const size_t all = code == STATUS_OK ? op_workspace_bytes(call, bytes) : 0;
    if (all) {
        assert_int_equal(posix_memalign(&workspace, 64, all), 0);
        memset(workspace, 0x5a, all);
    }
    call->workspace = workspace;
    op_cut_workspace(call, bytes);
    if (code == STATUS_OK)
        code = call->op->run(call, err);
    if (call->op->release)
        call->op->release(call);
    free(workspace);
    return code;
}

struct tensor *test_run(const struct test_node *test, int opset, const struct tensor *const *inputs, int threads,
                        int in_place, struct error *err) {
    const struct tensor *actual[32] = {0};
    struct tensor *copy = in_place >= 0 ? test_copy(inputs[in_place]) : NULL, output = {0}, *outputs[] = {&output};
    for (int i = 0; i < test->node.input_count; i++)
        actual[i] = i == in_place ? copy : inputs[i];
    struct op_call call = {.op = op_find("", test->node.op_type, opset),
                           .node = &test->node,
                           .opset = opset,
                           .input_count = test->node.input_count,
                           .output_count = 1,
                           .inputs = actual,
                           .outputs = outputs,
                           .kernels = test_kernels(),
                           .threads = threads};
    if (!call.op)
        fail_msg("no %s at opset %d", test->node.op_type, opset);
    void *params = calloc(1, call.op->params_size + 1), *state = calloc(1, call.op->state_size + 1);
    call.params = params;
    call.state = state;
    struct tensor *result = NULL;
    status code = op_parse(&call, params, err);
    if (code == STATUS_OK)
        code = op_infer(&call, err);
    if (code == STATUS_OK) {
        struct tensor *room = test_tensor_shape(output.dtype, &output.shape);
        if (copy) { /* the copy's memory becomes the output's */
            assert_true(copy->bytes == output.bytes);
            free(room->data);
            room->data = copy->data;
        }
        output.data = room->data;
        code = compute(&call, err);
        if (copy)
            copy->data = NULL;
        result = room;
    }
    if (code != STATUS_OK) {
        test_tensor_free(result);
        result = NULL;
    }
    test_tensor_free(copy);
    free(params);
    free(state);
    return result;
}

static struct tensor *run_or_fail(const struct test_node *test, int opset, const struct tensor *const *inputs,
                                  int threads, int in_place) {
    struct error err = {0};
    struct tensor *output = test_run(test, opset, inputs, threads, in_place, &err);
    if (!output)
        fail_msg("%s at opset %d (seed %llu): %s", test->node.op_type, opset, (unsigned long long)test_seed(),
                 err.message);
    return output;
}

struct tensor *test_run_all_ways(const struct test_node *test, int opset, const struct tensor *const *inputs) {
    struct tensor *output = run_or_fail(test, opset, inputs, 1, -1);
    const enum op_storage storage = op_find("", test->node.op_type, opset)->storage;
    for (int way = -1; way < test->node.input_count; way++) {
        const bool may_take = storage == STORAGE_IN_PLACE || (storage == STORAGE_IN_FIRST && way == 0);
        if (way >= 0 && (!may_take || !inputs[way] || inputs[way]->bytes != output->bytes))
            continue;
        struct tensor *again = run_or_fail(test, opset, inputs, 3, way);
        assert_true(shape_equal(&again->shape, &output->shape));
        if (memcmp(again->data, output->data, output->bytes) != 0)
            fail_msg("%s at opset %d of %s with three threads on input %d differs (seed %llu)", test->node.op_type,
                     opset, dtype_name(inputs[0]->dtype), way, (unsigned long long)test_seed());
        test_tensor_free(again);
    }
    return output;
}

void test_run_fails(const struct test_node *test, int opset, const struct tensor *const *inputs, status code,
                    const char *text) {
    struct error err = {0};
    struct tensor *output = test_run(test, opset, inputs, 1, -1, &err);
    if (output)
        fail_msg("%s at opset %d works, expected \"%s\"", test->node.op_type, opset, text);
    if (!strstr(err.message, text))
        fail_msg("\"%s\" does not say \"%s\"", err.message, text);
    assert_int_equal(err.code, code);
}

void test_number(const struct tensor *output, int64_t i, double expected, double roundings, double absolute,
                 const char *what) {
    const double actual = number_get(output, i);
    const double tolerance = fabs(expected) * roundings * number_epsilon(output->dtype) + absolute;
    const bool good = isnan(expected)   ? isnan(actual)
                      : isinf(expected) ? actual == expected
                                        : fabs(actual - expected) <= tolerance;
    if (!good)
        fail_msg("%s of %s: element %lld is %.17g, expected %.17g (seed %llu)", what, dtype_name(output->dtype),
                 (long long)i, actual, expected, (unsigned long long)test_seed());
}

/* What is older has attributes of its own: tests/ops/test_old_sets.c. */
#define MODERN 7

void for_each_record(const char *name, record_body *body, void *context) {
    int found = 0;
    for (size_t i = 0; op_at(i); i++) {
        const struct op *op = op_at(i);
        if (op->domain[0] || strcmp(op->name, name) != 0 || (op->until && op->until < MODERN))
            continue;
        found++;
        for (int dtype = 0; dtype < DTYPE_COUNT; dtype++)
            if (op->inputs[0].types >> dtype & 1)
                body(op, op->since < MODERN ? MODERN : op->since, (enum dtype)dtype, context);
    }
    if (!found)
        fail_msg("no definition of %s", name);
}

struct tensor *number_floats(int count, const float *values) {
    struct tensor *tensor = test_tensor(DTYPE_FLOAT, 1, count);
    memcpy(tensor->data, values, (size_t)count * sizeof *values);
    return tensor;
}

double number_wrapped(enum dtype dtype, double x) {
    if (!number_is_integer(dtype))
        return x;
    struct tensor *cell = test_tensor(dtype, 0);
    number_set(cell, 0, trunc(x));
    const double result = number_get(cell, 0);
    test_tensor_free(cell);
    return result;
}
