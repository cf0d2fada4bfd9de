/* Element types as limner, buffers and DLPack name them. */
#ifndef LIMNER_PYTHON_ELEMENTS_H
#define LIMNER_PYTHON_ELEMENTS_H

#include "python/src/state.h"

#include <stdbool.h>

/* DLPack's DLDataTypeCode. */
enum dlpack_code {
    DLPACK_INT = 0,
    DLPACK_UINT = 1,
    DLPACK_FLOAT = 2,
    DLPACK_BFLOAT = 4,
    DLPACK_BOOL = 6,
    DLPACK_FLOAT8_E4M3FN = 10,
    DLPACK_FLOAT8_E4M3FNUZ = 11,
    DLPACK_FLOAT8_E5M2 = 12,
    DLPACK_FLOAT8_E5M2FNUZ = 13,
    DLPACK_FLOAT8_E8M0FNU = 14,
    DLPACK_NONE = -1 /* not exchanged */
};

struct element {
    limner_type type;
    int bytes;
    const char *format; /* as a buffer has it; of types that buffers lack, that of their bits */
    enum dlpack_code code;
    const char *name; /* numpy's, or ml_dtypes', and limner's in Python */
    int packed;       /* elements in a byte, the first one lowest; 0: an element has bytes of its own */
};

/* NULL for types that no buffer holds: strings, and those that limner does not compute with. */
const struct element *element_of(limner_type type);
const struct element *element_of_dlpack(int code, int bits);
/* By numpy's name; NULL for others. */
const struct element *element_of_name(const char *name);
/* Of a buffer's format and item size. NULL where it is a structure, another byte order, characters, ... */
const struct element *element_of_format(const char *format, Py_ssize_t bytes);
/* "float32" for types that there is an element of, limner's word for others. */
const char *element_name(limner_type type);
/* The elements of a shape; -1 where a size is negative or there are more than memory can hold. */
Py_ssize_t element_count(int rank, const int64_t *dims);

/* The bytes of so many elements. */
size_t element_bytes(const struct element *element, Py_ssize_t count);

#endif
