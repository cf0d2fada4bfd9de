#include "ops/movement/indices.h"

#include "base/simd.h"

static int64_t index_at(const struct tensor *indices, int64_t i) {
    return indices->dtype == DTYPE_INT64 ? ((const int64_t *)indices->data)[i] : ((const int32_t *)indices->data)[i];
}

/* Without a branch for each: the sign bit is set where one is outside. */
#define LOOK_AT(NAME, T, PRAGMA, EVERY)                                                               \
    static uint64_t NAME(const void *data, int64_t first, int64_t end, int64_t every, int64_t size) { \
        const T *indices = data;                                                                      \
        uint64_t outside = 0;                                                                         \
        (void)every;                                                                                  \
        PRAGMA for (int64_t i = first; i < end; i += EVERY) {                                         \
            const uint64_t x = (uint64_t)indices[i] + (uint64_t)size;                                 \
            outside |= x | (2 * (uint64_t)size - 1 - x);                                              \
        }                                                                                             \
        return outside;                                                                               \
    }
LOOK_AT(neighbours, int64_t, SIMD_TEXT(omp simd reduction(| : outside)), 1)
LOOK_AT(some_int64, int64_t, , every)
LOOK_AT(some_int32, int32_t, , every)

/* Whether every `every`-th of the indices first..end-1 is in -size..size-1. */
static bool indices_within(const struct tensor *indices, int64_t first, int64_t end, int64_t every, int64_t size) {
    const bool wide = indices->dtype == DTYPE_INT64;
    const uint64_t outside = (!wide        ? some_int32
                              : every == 1 ? neighbours
                                           : some_int64)(indices->data, first, end, every, size);
    return outside >> 63 == 0;
}

status indices_check(const struct op_call *call, int64_t first, int64_t every, int axis, struct error *err) {
    const struct tensor *data = call->inputs[0], *indices = call->inputs[1];
    const int64_t count = tensor_elements(indices), size = data->shape.dims[axis];
    char text[SHAPE_TEXT_BYTES];
    if (indices_within(indices, first, count, every, size))
        return STATUS_OK;
    for (int64_t i = first; i < count; i += every) {
        const int64_t index = index_at(indices, i);
        if (index >= -size && index < size)
            continue;
        const status code = indices->constant ? STATUS_INVALID_MODEL : STATUS_INVALID_ARGUMENT;
        if (size == 0)
            return fail(err, code, "index %lld (number %lld in input 1) into axis %d of %s, which is empty",
                        (long long)index, (long long)i, axis, shape_text(&data->shape, text));
        return fail(err, code, "index %lld (number %lld in input 1) is not in %lld..%lld, axis %d of %s",
                    (long long)index, (long long)i, (long long)-size, (long long)size - 1, axis,
                    shape_text(&data->shape, text));
    }
    return STATUS_OK;
}

int64_t indices_product(const struct shape *shape, int begin, int end) {
    int64_t elements = 1;
    for (int i = begin; i < end; i++)
        elements *= shape->dims[i];
    return elements;
}

status indices_check_elements(const struct op_call *call, int64_t axis, struct error *err) {
    const struct shape *data = &call->inputs[0]->shape, *indices = &call->inputs[1]->shape;
    char text[SHAPE_TEXT_BYTES], other[SHAPE_TEXT_BYTES];
    int at;
    const status code = op_axis(axis, data->rank, &at, "axis", err);
    if (code != STATUS_OK)
        return code;
    bool fits = data->rank == indices->rank;
    for (int i = 0; fits && i < data->rank; i++)
        fits = i == at || indices->dims[i] <= data->dims[i];
    if (!fits)
        return fail(err, STATUS_SHAPE, "input 1 (indices) has shape %s, expected at most %s but for axis %d",
                    shape_text(indices, text), shape_text(data, other), at);
    return STATUS_OK;
}
