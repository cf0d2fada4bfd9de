#include "runtime/session/given_tensor.h"

#include "runtime/session/api.h"

#include <string.h>

static status check_type(const limner_tensor *given, enum dtype expected, struct error *err) {
    const enum dtype dtype = api_dtype(given->type);
    if (dtype_bits(dtype) == 0 || dtype_is_boxed(dtype))
        return fail(err, STATUS_INVALID_ARGUMENT, "%s (%d) is no element type that an input can have",
                    dtype_name(dtype), (int)given->type);
    if (expected != DTYPE_UNDEFINED && dtype != expected)
        return fail(err, STATUS_INVALID_ARGUMENT, "has element type %s, expected %s", dtype_name(dtype),
                    dtype_name(expected));
    return STATUS_OK;
}

static status read_shape(const limner_tensor *given, struct shape *shape, struct error *err) {
    char text[SHAPE_TEXT_BYTES];
    if (given->rank < 0 || given->rank > MAX_RANK)
        return fail(err, STATUS_INVALID_ARGUMENT, "has rank %d, expected 0 to %d", given->rank, MAX_RANK);
    *shape = (struct shape){.rank = given->rank};
    for (int i = 0; i < given->rank; i++)
        shape->dims[i] = given->dims[i];
    if (shape_elements(shape) < 0)
        return fail(err, STATUS_SHAPE, "has shape %s, which is no shape", shape_text(shape, text));
    return STATUS_OK;
}

typedef uint64_t words __attribute__((vector_size(16)));

static words words_at(const unsigned char *data) {
    words some;
    memcpy(&some, data, sizeof some);
    return some;
}

static status check_bool(const unsigned char *data, size_t bytes, struct error *err) {
    words all = {0}, more = {0};
    uint64_t last = 0;
    size_t i = 0;
    for (; bytes - i >= 4 * sizeof all; i += 4 * sizeof all) {
        all |= words_at(data + i) | words_at(data + i + sizeof all);
        more |= words_at(data + i + 2 * sizeof all) | words_at(data + i + 3 * sizeof all);
    }
    all |= more;
    for (; i < bytes; i++)
        last |= data[i];
    return ((all[0] | all[1] | last) & ~0x0101010101010101u) == 0
               ? STATUS_OK
               : fail(err, STATUS_INVALID_ARGUMENT, "has bytes other than 0 and 1, but is bool");
}

/* The data may be misaligned. */
static status check_strings(const void *data, size_t count, struct error *err) {
    for (size_t i = 0; i < count; i++) {
        limner_string string;
        memcpy(&string, (const char *)data + i * sizeof string, sizeof string);
        if (!string.bytes)
            return fail(err, STATUS_INVALID_ARGUMENT, "has no bytes for string %zu", i);
    }
    return STATUS_OK;
}

static status check_data(const limner_tensor *given, const struct tensor *tensor, struct error *err) {
    if (tensor->bytes == 0)
        return STATUS_OK;
    if (!given->data)
        return fail(err, STATUS_INVALID_ARGUMENT, "has no data");
    if (given->bytes < tensor->bytes)
        return fail(err, STATUS_INVALID_ARGUMENT, "has %zu bytes, its type and shape need %zu", given->bytes,
                    tensor->bytes);
    if (tensor->dtype == DTYPE_STRING)
        return check_strings(given->data, tensor->bytes / sizeof(limner_string), err);
    return tensor->dtype == DTYPE_BOOL ? check_bool(given->data, tensor->bytes, err) : STATUS_OK;
}

status given_tensor(const limner_tensor *given, enum dtype expected, size_t tensor_bytes, bool with_data,
                    struct tensor *tensor, struct error *err) {
    struct shape shape;
    if (check_type(given, expected, err) != STATUS_OK || read_shape(given, &shape, err) != STATUS_OK ||
        tensor_describe(tensor, api_dtype(given->type), &shape, err) != STATUS_OK)
        return err->code;
    if (tensor->bytes > tensor_bytes)
        return fail(err, STATUS_LIMIT, "takes %zu bytes, the limit for one tensor is %zu", tensor->bytes, tensor_bytes);
    return with_data ? check_data(given, tensor, err) : STATUS_OK;
}
