/* Tensors: element types, shapes, and a typed view of memory. */
#ifndef LIMNER_BASE_TENSOR_H
#define LIMNER_BASE_TENSOR_H

#include "base/pool.h"
#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_RANK 8

/* ONNX TensorProto.DataType, same numbers. */
enum dtype {
    DTYPE_UNDEFINED = 0,
    DTYPE_FLOAT = 1,
    DTYPE_UINT8 = 2,
    DTYPE_INT8 = 3,
    DTYPE_UINT16 = 4,
    DTYPE_INT16 = 5,
    DTYPE_INT32 = 6,
    DTYPE_INT64 = 7,
    DTYPE_STRING = 8,
    DTYPE_BOOL = 9,
    DTYPE_FLOAT16 = 10,
    DTYPE_DOUBLE = 11,
    DTYPE_UINT32 = 12,
    DTYPE_UINT64 = 13,
    DTYPE_COMPLEX64 = 14,
    DTYPE_COMPLEX128 = 15,
    DTYPE_BFLOAT16 = 16,
    DTYPE_FLOAT8E4M3FN = 17,
    DTYPE_FLOAT8E4M3FNUZ = 18,
    DTYPE_FLOAT8E5M2 = 19,
    DTYPE_FLOAT8E5M2FNUZ = 20,
    DTYPE_UINT4 = 21,
    DTYPE_INT4 = 22,
    DTYPE_FLOAT4E2M1 = 23,
    DTYPE_FLOAT8E8M0 = 24,
    DTYPE_UINT2 = 25,
    DTYPE_INT2 = 26,
    DTYPE_COUNT = 27,
    /* No element types of files, but kinds of values (base/box.h): one element that points to a box. */
    DTYPE_SEQUENCE = 29,
    DTYPE_OPTIONAL = 30,
    DTYPE_MAP = 31,
    DTYPE_END = 32
};

/* A sequence, an optional or a map. */
static inline bool dtype_is_boxed(enum dtype dtype) {
    return dtype >= DTYPE_SEQUENCE;
}

/* ONNX's name of the type ("float", "int64", "bfloat16"), "undefined" for 0, "unknown" outside the range. */
const char *dtype_name(enum dtype dtype);
/* Bits of one element: 4 or 2 for the packed types, 8*sizeof(struct text) for strings, 0 for undefined or unknown. */
unsigned dtype_bits(enum dtype dtype);
/* Bytes of one element of a type that is not packed below a byte; 0 for the packed ones and unknown types. */
size_t dtype_size(enum dtype dtype);

/* An element of a STRING tensor; the bytes live as long as the tensor's owner. */
struct text {
    const char *bytes;
    size_t length;
};

struct shape {
    int rank; /* 0 = scalar */
    int64_t dims[MAX_RANK];
};

/* Number of elements: 1 for a scalar; -1 when a dimension is negative or the product passes INT64_MAX. */
int64_t shape_elements(const struct shape *shape);
bool shape_equal(const struct shape *a, const struct shape *b);
/* "[1,3,256,256]" into text; returns text. */
#define SHAPE_TEXT_BYTES 192
const char *shape_text(const struct shape *shape, char text[SHAPE_TEXT_BYTES]);
/* Bytes that a dense tensor takes, packed types rounded up; false when it overflows or the shape is not valid. */
bool tensor_size(enum dtype dtype, const struct shape *shape, size_t *bytes);

/*
 * A dense, row-major, little-endian view. Who owns the memory is the holder's business: a pool, a mapped file, an
 * arena, the heap. data == NULL with bytes > 0 means: shape known, values not known (yet).
 */
struct tensor {
    enum dtype dtype;
    struct shape shape;
    void *data;
    size_t bytes;
    bool constant; /* never written again: weights may be packed from it once */
    bool mapped;   /* lies in a mapped file; its pages can be let go (tensor_drop_pages) */
};

/* Sets dtype, shape and bytes, data = NULL; STATUS_LIMIT when the size overflows. */
status tensor_describe(struct tensor *tensor, enum dtype dtype, const struct shape *shape, struct error *err);
/* Elements of a described tensor. */
int64_t tensor_elements(const struct tensor *tensor);
/* data is aligned for its element type. */
bool tensor_aligned(const struct tensor *tensor);
/* The tensor with aligned data: itself, or a copy that lives in the pool. NULL without memory. */
const struct tensor *tensor_align(const struct tensor *tensor, struct pool *pool);
/* Tells the system that a mapped tensor's whole pages are not needed for now; they come back when read. No-op else. */
void tensor_drop_pages(const struct tensor *tensor);
/* The same for `bytes` of its data from `first`, while the rest is still being read. */
void tensor_drop_range(const struct tensor *tensor, size_t first, size_t bytes);

#endif
