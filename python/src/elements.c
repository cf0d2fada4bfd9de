#include "python/src/elements.h"

#include <string.h>

/* ONNX's numbers of types that limner.h has no name for. */
enum {
    FLOAT8E4M3FN = 17,
    FLOAT8E4M3FNUZ,
    FLOAT8E5M2,
    FLOAT8E5M2FNUZ,
    UINT4,
    INT4,
    FLOAT4E2M1,
    FLOAT8E8M0,
    UINT2,
    INT2
};

static const struct element elements[] = {
    {LIMNER_FLOAT, 4, "f", DLPACK_FLOAT, "float32", 0},
    {LIMNER_UINT8, 1, "B", DLPACK_UINT, "uint8", 0},
    {LIMNER_INT8, 1, "b", DLPACK_INT, "int8", 0},
    {LIMNER_UINT16, 2, "H", DLPACK_UINT, "uint16", 0},
    {LIMNER_INT16, 2, "h", DLPACK_INT, "int16", 0},
    {LIMNER_INT32, 4, "i", DLPACK_INT, "int32", 0},
    {LIMNER_INT64, 8, "q", DLPACK_INT, "int64", 0},
    {LIMNER_BOOL, 1, "?", DLPACK_BOOL, "bool", 0},
    {LIMNER_FLOAT16, 2, "e", DLPACK_FLOAT, "float16", 0},
    {LIMNER_DOUBLE, 8, "d", DLPACK_FLOAT, "float64", 0},
    {LIMNER_UINT32, 4, "I", DLPACK_UINT, "uint32", 0},
    {LIMNER_UINT64, 8, "Q", DLPACK_UINT, "uint64", 0},
    {LIMNER_BFLOAT16, 2, "H", DLPACK_BFLOAT, "bfloat16", 0},
    {(limner_type)FLOAT8E4M3FN, 1, "B", DLPACK_FLOAT8_E4M3FN, "float8_e4m3fn", 0},
    {(limner_type)FLOAT8E4M3FNUZ, 1, "B", DLPACK_FLOAT8_E4M3FNUZ, "float8_e4m3fnuz", 0},
    {(limner_type)FLOAT8E5M2, 1, "B", DLPACK_FLOAT8_E5M2, "float8_e5m2", 0},
    {(limner_type)FLOAT8E5M2FNUZ, 1, "B", DLPACK_FLOAT8_E5M2FNUZ, "float8_e5m2fnuz", 0},
    {(limner_type)FLOAT8E8M0, 1, "B", DLPACK_FLOAT8_E8M0FNU, "float8_e8m0fnu", 0},
    {(limner_type)UINT4, 1, "B", DLPACK_NONE, "uint4", 2},
    {(limner_type)INT4, 1, "B", DLPACK_NONE, "int4", 2},
    {(limner_type)FLOAT4E2M1, 1, "B", DLPACK_NONE, "float4_e2m1fn", 2},
    {(limner_type)UINT2, 1, "B", DLPACK_NONE, "uint2", 4},
    {(limner_type)INT2, 1, "B", DLPACK_NONE, "int2", 4},
};
#define ELEMENTS (sizeof elements / sizeof *elements)

const struct element *element_of(limner_type type) {
    for (size_t i = 0; i < ELEMENTS; i++)
        if (elements[i].type == type)
            return &elements[i];
    return NULL;
}

const struct element *element_of_dlpack(int code, int bits) {
    for (size_t i = 0; i < ELEMENTS; i++)
        if (code >= 0 && (int)elements[i].code == code && elements[i].bytes * 8 == bits)
            return &elements[i];
    return NULL;
}

const struct element *element_of_name(const char *name) {
    for (size_t i = 0; i < ELEMENTS; i++)
        if (strcmp(elements[i].name, name) == 0)
            return &elements[i];
    return NULL;
}

/* The kind that a letter of the struct module stands for; its size is the buffer's to say. */
static int code_of_letter(char letter) {
    if (strchr("bhilqn", letter))
        return DLPACK_INT;
    if (strchr("BHILQN", letter))
        return DLPACK_UINT;
    if (strchr("efd", letter))
        return DLPACK_FLOAT;
    return letter == '?' ? DLPACK_BOOL : -1;
}

const struct element *element_of_format(const char *format, Py_ssize_t bytes) {
    if (!format)
        format = "B";
    const char order = *format && strchr("@=<>!", *format) ? *format++ : '@';
    if (!format[0] || format[1] || bytes > 8)
        return NULL;
    const bool swapped = bytes > 1 && (order == '>' || order == '!');
    return swapped ? NULL : element_of_dlpack(code_of_letter(*format), (int)bytes * 8);
}

const char *element_name(limner_type type) {
    const struct element *element = element_of(type);
    return element ? element->name : limner_type_name(type);
}

Py_ssize_t element_count(int rank, const int64_t *dims) {
    Py_ssize_t count = 1, whole = 1; /* whole: without sizes of 0, which would hide the others */
    for (int i = 0; i < rank; i++) {
        if (dims[i] < 0 || __builtin_mul_overflow(whole, dims[i] ? dims[i] : 1, &whole) || whole > PY_SSIZE_T_MAX / 16)
            return -1;
        count *= dims[i];
    }
    return count;
}

size_t element_bytes(const struct element *element, Py_ssize_t count) {
    if (element->packed)
        return ((size_t)count + (size_t)element->packed - 1) / (size_t)element->packed;
    return (size_t)count * (size_t)element->bytes;
}
