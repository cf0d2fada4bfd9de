#include "python/src/elements.h"

#include <string.h>

static const struct element elements[] = {
    {LIMNER_FLOAT, 4, "f", DLPACK_FLOAT, "float32"},
    {LIMNER_UINT8, 1, "B", DLPACK_UINT, "uint8"},
    {LIMNER_INT8, 1, "b", DLPACK_INT, "int8"},
    {LIMNER_UINT16, 2, "H", DLPACK_UINT, "uint16"},
    {LIMNER_INT16, 2, "h", DLPACK_INT, "int16"},
    {LIMNER_INT32, 4, "i", DLPACK_INT, "int32"},
    {LIMNER_INT64, 8, "q", DLPACK_INT, "int64"},
    {LIMNER_BOOL, 1, "?", DLPACK_BOOL, "bool"},
    {LIMNER_FLOAT16, 2, "e", DLPACK_FLOAT, "float16"},
    {LIMNER_DOUBLE, 8, "d", DLPACK_FLOAT, "float64"},
    {LIMNER_UINT32, 4, "I", DLPACK_UINT, "uint32"},
    {LIMNER_UINT64, 8, "Q", DLPACK_UINT, "uint64"},
    {LIMNER_BFLOAT16, 2, "H", DLPACK_BFLOAT, "bfloat16"},
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
        if ((int)elements[i].code == code && elements[i].bytes * 8 == bits)
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
