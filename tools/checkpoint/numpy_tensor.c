#include "tools/checkpoint/numpy_tensor.h"

#include "base/checked.h"

#include <string.h>

static enum dtype find_type(const struct pickle_value *type) {
    static const struct {
        const char *code;
        enum dtype dtype;
    } types[] = {{"f4", DTYPE_FLOAT},       {"f8", DTYPE_DOUBLE},   {"f2", DTYPE_FLOAT16}, {"i8", DTYPE_INT64},
                 {"i4", DTYPE_INT32},       {"i2", DTYPE_INT16},    {"i1", DTYPE_INT8},    {"u8", DTYPE_UINT64},
                 {"u4", DTYPE_UINT32},      {"u2", DTYPE_UINT16},   {"u1", DTYPE_UINT8},   {"b1", DTYPE_BOOL},
                 {"c16", DTYPE_COMPLEX128}, {"c8", DTYPE_COMPLEX64}};
    const struct text code = type->array_type.code;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (code.length == strlen(types[i].code) && memcmp(code.bytes, types[i].code, code.length) == 0)
            return types[i].dtype;
    return DTYPE_UNDEFINED;
}

static bool read_shape(const struct pickle_value *tuple, struct shape *shape) {
    shape->rank = (int)tuple->items.count;
    for (int i = 0; i < shape->rank; i++) {
        const struct pickle_value *dim = tuple->items.at[i];
        if (dim->kind != VALUE_INT || dim->integer < 0)
            return false;
        shape->dims[i] = dim->integer;
    }
    return true;
}

/* Latin-1 bytes of UTF-8 text; false for other characters. Without `to` they are counted. */
static bool decode_latin(struct text text, uint8_t *to, size_t *count) {
    const uint8_t *from = (const uint8_t *)text.bytes;
    *count = 0;
    for (size_t i = 0; i < text.length; i++) {
        uint8_t byte = from[i];
        if (byte >= 0x80) {
            if ((byte & 0xfe) != 0xc2 || i + 1 == text.length || (from[i + 1] & 0xc0) != 0x80)
                return false;
            byte = (uint8_t)(byte << 6 | (from[++i] & 0x3f));
        }
        if (to)
            to[*count] = byte;
        ++*count;
    }
    return true;
}

static void swap_bytes(uint8_t *data, size_t bytes, size_t unit) {
    for (size_t at = 0; at + unit <= bytes; at += unit)
        for (size_t i = 0; i < unit / 2; i++) {
            const uint8_t kept = data[at + i];
            data[at + i] = data[at + unit - 1 - i];
            data[at + unit - 1 - i] = kept;
        }
}

/* The bytes in place, or in the checkpoint's memory where they have to be made. */
static status place(struct checkpoint *checkpoint, const struct numpy_array *array, struct checkpoint_tensor *tensor,
                    struct error *err) {
    const bool latin = array->data->kind == VALUE_LATIN, swapped = array->type->array_type.order == '>';
    const bool complex = tensor->dtype == DTYPE_COMPLEX64 || tensor->dtype == DTYPE_COMPLEX128;
    size_t count = array->data->text.length;
    if (latin && !decode_latin(array->data->text, NULL, &count))
        return fail(err, STATUS_INVALID_MODEL, "the bytes of the NumPy array are damaged");
    if (count != tensor->storage_bytes)
        return fail(err, STATUS_INVALID_MODEL, "the NumPy array has %zu bytes, %zu expected from its type and shape",
                    count, tensor->storage_bytes);
    tensor->storage = array->data->text.bytes;
    if (!latin && !swapped)
        return STATUS_OK;
    uint8_t *data = checkpoint_room(checkpoint, count, err);
    if (!data)
        return err->code;
    if (latin)
        decode_latin(array->data->text, data, &count);
    else if (count)
        memcpy(data, array->data->text.bytes, count);
    if (swapped)
        swap_bytes(data, count, dtype_size(tensor->dtype) / (complex ? 2 : 1));
    tensor->storage = data;
    return STATUS_OK;
}

static void column_strides(struct checkpoint_tensor *tensor) {
    int64_t stride = 1;
    for (int i = 0; i < tensor->shape.rank; i++) {
        tensor->strides[i] = stride;
        if (!int64_mul(stride, tensor->shape.dims[i], &stride))
            stride = 0; /* of shapes without elements */
    }
}

status numpy_resolve(struct checkpoint *checkpoint, const struct numpy_array *array, struct checkpoint_tensor *tensor,
                     const char **why, struct error *err) {
    *why = NULL;
    memset(tensor, 0, sizeof *tensor);
    if (array->type)
        tensor->dtype = find_type(array->type);
    if (!array->type || !array->shape || !array->data || !tensor->dtype)
        *why = "NumPy array of objects or texts";
    else if (array->shape->items.count > MAX_RANK)
        *why = "NumPy array of more than 8 dimensions";
    if (*why)
        return STATUS_OK;
    if (!read_shape(array->shape, &tensor->shape) || shape_elements(&tensor->shape) < 0 ||
        !tensor_size(tensor->dtype, &tensor->shape, &tensor->storage_bytes))
        return fail(err, STATUS_INVALID_MODEL, "the shape of the NumPy array is damaged");
    if (array->columns_first)
        column_strides(tensor);
    else
        checkpoint_dense_strides(tensor);
    return place(checkpoint, array, tensor, err);
}
