/* Element types as limner, buffers and DLPack name them. */
#ifndef LIMNER_PYTHON_ELEMENTS_H
#define LIMNER_PYTHON_ELEMENTS_H

#include "python/src/state.h"

#include <stdbool.h>

/* DLPack's DLDataTypeCode. */
enum dlpack_code { DLPACK_INT = 0, DLPACK_UINT = 1, DLPACK_FLOAT = 2, DLPACK_BFLOAT = 4, DLPACK_BOOL = 6 };

struct element {
    limner_type type;
    int bytes;
    const char *format; /* as a buffer has it; that of bfloat16 is its bits' */
    enum dlpack_code code;
    const char *name; /* numpy's, and limner's in Python */
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

#endif
