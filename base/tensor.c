#include "base/tensor.h"

#include "base/checked.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct {
    const char *name;
    unsigned bits;
} types[DTYPE_END] = {
    [DTYPE_UNDEFINED] = {"undefined", 0},
    [DTYPE_FLOAT] = {"float", 32},
    [DTYPE_UINT8] = {"uint8", 8},
    [DTYPE_INT8] = {"int8", 8},
    [DTYPE_UINT16] = {"uint16", 16},
    [DTYPE_INT16] = {"int16", 16},
    [DTYPE_INT32] = {"int32", 32},
    [DTYPE_INT64] = {"int64", 64},
    [DTYPE_STRING] = {"string", 8 * sizeof(struct text)},
    [DTYPE_BOOL] = {"bool", 8},
    [DTYPE_FLOAT16] = {"float16", 16},
    [DTYPE_DOUBLE] = {"double", 64},
    [DTYPE_UINT32] = {"uint32", 32},
    [DTYPE_UINT64] = {"uint64", 64},
    [DTYPE_COMPLEX64] = {"complex64", 64},
    [DTYPE_COMPLEX128] = {"complex128", 128},
    [DTYPE_BFLOAT16] = {"bfloat16", 16},
    [DTYPE_FLOAT8E4M3FN] = {"float8e4m3fn", 8},
    [DTYPE_FLOAT8E4M3FNUZ] = {"float8e4m3fnuz", 8},
    [DTYPE_FLOAT8E5M2] = {"float8e5m2", 8},
    [DTYPE_FLOAT8E5M2FNUZ] = {"float8e5m2fnuz", 8},
    [DTYPE_UINT4] = {"uint4", 4},
    [DTYPE_INT4] = {"int4", 4},
    [DTYPE_FLOAT4E2M1] = {"float4e2m1", 4},
    [DTYPE_FLOAT8E8M0] = {"float8e8m0", 8},
    [DTYPE_UINT2] = {"uint2", 2},
    [DTYPE_INT2] = {"int2", 2},
    [DTYPE_SEQUENCE] = {"sequence", 8 * sizeof(void *)},
    [DTYPE_OPTIONAL] = {"optional", 8 * sizeof(void *)},
    [DTYPE_MAP] = {"map", 8 * sizeof(void *)},
};

const char *dtype_name(enum dtype dtype) {
    return (unsigned)dtype < DTYPE_END && types[dtype].name ? types[dtype].name : "unknown";
}

unsigned dtype_bits(enum dtype dtype) {
    return (unsigned)dtype < DTYPE_END ? types[dtype].bits : 0;
}

size_t dtype_size(enum dtype dtype) {
    return dtype_bits(dtype) / 8;
}

int64_t shape_elements(const struct shape *shape) {
    int64_t elements = 1;
    bool zero = false;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dims[i] < 0)
            return -1;
        if (shape->dims[i] == 0)
            zero = true;
        else if (!int64_mul(elements, shape->dims[i], &elements))
            return -1;
    }
    return zero ? 0 : elements;
}

bool shape_equal(const struct shape *a, const struct shape *b) {
    return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof a->dims[0] * (size_t)a->rank) == 0;
}

const char *shape_text(const struct shape *shape, char text[SHAPE_TEXT_BYTES]) {
    size_t used = (size_t)snprintf(text, SHAPE_TEXT_BYTES, "[");
    for (int i = 0; i < shape->rank; i++)
        used +=
            (size_t)snprintf(text + used, SHAPE_TEXT_BYTES - used, "%s%lld", i ? "," : "", (long long)shape->dims[i]);
    snprintf(text + used, SHAPE_TEXT_BYTES - used, "]");
    return text;
}

bool tensor_size(enum dtype dtype, const struct shape *shape, size_t *bytes) {
    const int64_t elements = shape_elements(shape);
    const unsigned bits = dtype_bits(dtype);
    if (elements < 0 || bits == 0)
        return false;
    if (bits < 8) {
        const size_t per_byte = 8 / bits;
        *bytes = ((size_t)elements + per_byte - 1) / per_byte;
        return true;
    }
    return size_mul((size_t)elements, bits / 8, bytes);
}

status tensor_describe(struct tensor *tensor, enum dtype dtype, const struct shape *shape, struct error *err) {
    size_t bytes;
    if (!tensor_size(dtype, shape, &bytes)) {
        char text[SHAPE_TEXT_BYTES];
        return fail(err, STATUS_LIMIT, "a %s tensor of shape %s has no valid size", dtype_name(dtype),
                    shape_text(shape, text));
    }
    *tensor = (struct tensor){.dtype = dtype, .shape = *shape, .bytes = bytes};
    return STATUS_OK;
}

int64_t tensor_elements(const struct tensor *tensor) {
    return shape_elements(&tensor->shape);
}

/* The alignment that C demands of one element; complex numbers and texts are pairs. */
static size_t dtype_alignment(enum dtype dtype) {
    const size_t size = dtype_size(dtype);
    return size > 8 || dtype == DTYPE_COMPLEX64 ? size / 2 : size;
}

bool tensor_aligned(const struct tensor *tensor) {
    const size_t alignment = dtype_alignment(tensor->dtype);
    return alignment <= 1 || (uintptr_t)tensor->data % alignment == 0;
}

void tensor_drop_range(const struct tensor *tensor, size_t first, size_t bytes) {
    if (!tensor->mapped || !tensor->data)
        return;
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t start = ((uintptr_t)tensor->data + first + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)tensor->data + first + bytes) / page * page;
    if (end > start)
        madvise((void *)start, end - start, MADV_DONTNEED);
}

void tensor_drop_pages(const struct tensor *tensor) {
    tensor_drop_range(tensor, 0, tensor->bytes);
}

const struct tensor *tensor_align(const struct tensor *tensor, struct pool *pool) {
    if (!tensor->data || tensor_aligned(tensor))
        return tensor;
    struct tensor *copy = pool_alloc(pool, sizeof *copy);
    void *data = pool_alloc(pool, tensor->bytes);
    if (!copy || !data)
        return NULL;
    *copy = *tensor;
    copy->mapped = false;
    copy->data = memcpy(data, tensor->data, tensor->bytes);
    return copy;
}
