#include "onnx/load/load_sparse.h"

#include "onnx/load/load_tensor.h"

#include <inttypes.h>
#include <string.h>

/* The index of the i-th value in the dense tensor; indices are [count] or [count, rank]. */
static status dense_index(struct loader *loader, const struct tensor *indices, const struct tensor *dense, int64_t i,
                          int64_t *index) {
    const int64_t *numbers = indices->data;
    if (indices->shape.rank == 1) {
        *index = numbers[i];
        if (*index < 0 || *index >= tensor_elements(dense))
            return fail(loader->err, STATUS_INVALID_MODEL, "has the index %" PRId64 " outside of 0..%" PRId64, *index,
                        tensor_elements(dense) - 1);
        return STATUS_OK;
    }
    const int rank = dense->shape.rank;
    *index = 0;
    for (int axis = 0; axis < rank; axis++) {
        const int64_t at = numbers[i * rank + axis], size = dense->shape.dims[axis];
        if (at < 0 || at >= size)
            return fail(loader->err, STATUS_INVALID_MODEL,
                        "has the index %" PRId64 " in dimension %d, which has %" PRId64 " places", at, axis, size);
        *index = *index * size + at;
    }
    return STATUS_OK;
}

static void copy_element(struct tensor *dense, int64_t to, const struct tensor *values, int64_t from) {
    const unsigned bits = dtype_bits(dense->dtype);
    if (bits >= 8) {
        const size_t size = bits / 8;
        memcpy((uint8_t *)dense->data + (size_t)to * size, (const uint8_t *)values->data + (size_t)from * size, size);
        return;
    }
    const int64_t per_byte = 8 / bits;
    const unsigned mask = (1u << bits) - 1;
    const unsigned from_shift = (unsigned)(from % per_byte) * bits, to_shift = (unsigned)(to % per_byte) * bits;
    const unsigned element = ((const uint8_t *)values->data)[from / per_byte] >> from_shift & mask;
    uint8_t *byte = (uint8_t *)dense->data + to / per_byte;
    *byte = (uint8_t)((*byte & ~(mask << to_shift)) | element << to_shift);
}

static status check_indices(struct loader *loader, const struct tensor *indices, const struct tensor *dense,
                            int64_t count) {
    const struct shape *shape = &indices->shape;
    const bool linear = shape->rank == 1 && shape->dims[0] == count;
    const bool coordinates = shape->rank == 2 && shape->dims[0] == count && shape->dims[1] == dense->shape.rank;
    char text[SHAPE_TEXT_BYTES];
    if (indices->dtype == DTYPE_INT64 && (linear || coordinates))
        return STATUS_OK;
    return fail(loader->err, STATUS_INVALID_MODEL,
                "has %s indices of shape %s, expected int64 of shape [%" PRId64 "] or [%" PRId64 ",%d]",
                dtype_name(indices->dtype), shape_text(shape, text), count, count, dense->shape.rank);
}

static status scatter(struct loader *loader, const struct tensor *values, const struct tensor *indices,
                      struct tensor *dense) {
    const int64_t count = tensor_elements(values);
    for (int64_t i = 0, before = -1; i < count; i++) {
        int64_t index;
        const status result = dense_index(loader, indices, dense, i, &index);
        if (result != STATUS_OK)
            return result;
        if (index <= before)
            return fail(loader->err, STATUS_INVALID_MODEL, "has indices that do not ascend, at %" PRId64, i);
        copy_element(dense, index, values, i);
        before = index;
    }
    return STATUS_OK;
}

/* The int64 indices may lie anywhere in the file. */
static status align_indices(struct loader *loader, struct tensor *indices) {
    return indices->bytes == 0 || tensor_aligned(indices) ? STATUS_OK : load_tensor_copy(loader, indices);
}

status load_sparse(struct loader *loader, const Onnx__SparseTensorProto *proto, struct tensor *out) {
    struct tensor values, indices;
    if (!proto->values || !proto->indices)
        return fail(loader->err, STATUS_INVALID_MODEL, "is sparse and lacks its %s",
                    proto->values ? "indices" : "values");
    status result = load_tensor(loader, proto->values, &values);
    if (result == STATUS_OK)
        result = load_tensor(loader, proto->indices, &indices);
    if (result == STATUS_OK)
        result = load_tensor_shape(loader, (int32_t)values.dtype, proto->n_dims, proto->dims, out);
    if (result == STATUS_OK && values.shape.rank != 1)
        result = fail(loader->err, STATUS_INVALID_MODEL, "is sparse and has values of %d dimensions, expected 1",
                      values.shape.rank);
    if (result == STATUS_OK)
        result = check_indices(loader, &indices, out, tensor_elements(&values));
    if (result == STATUS_OK)
        result = align_indices(loader, &indices);
    if (result == STATUS_OK)
        result = load_tensor_room(loader, out);
    return result == STATUS_OK ? scatter(loader, &values, &indices, out) : result;
}
