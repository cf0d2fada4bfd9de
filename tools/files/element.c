#include "tools/files/element.h"

#include "base/convert.h"
#include "base/small_types.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* X(ONNX's type, C's type, least, greatest) */
#define INTEGER_TYPES(X)                          \
    X(DTYPE_INT8, int8_t, INT8_MIN, INT8_MAX)     \
    X(DTYPE_INT16, int16_t, INT16_MIN, INT16_MAX) \
    X(DTYPE_INT32, int32_t, INT32_MIN, INT32_MAX) \
    X(DTYPE_INT64, int64_t, INT64_MIN, INT64_MAX) \
    X(DTYPE_UINT8, uint8_t, 0, UINT8_MAX)         \
    X(DTYPE_UINT16, uint16_t, 0, UINT16_MAX)      \
    X(DTYPE_UINT32, uint32_t, 0, UINT32_MAX)      \
    X(DTYPE_UINT64, uint64_t, 0, UINT64_MAX)

bool element_is_complex(enum dtype dtype) {
    return dtype == DTYPE_COMPLEX64 || dtype == DTYPE_COMPLEX128;
}

bool element_is_float(enum dtype dtype) {
    return dtype == DTYPE_FLOAT || dtype == DTYPE_DOUBLE || dtype == DTYPE_FLOAT16 || dtype == DTYPE_BFLOAT16 ||
           element_is_complex(dtype);
}

static bool is_integer(enum dtype dtype) {
    switch (dtype) {
#define CASE(name, type, least, greatest) case name:
        INTEGER_TYPES(CASE)
#undef CASE
        return true;
    default:
        return false;
    }
}

bool element_is_number(enum dtype dtype) {
    return element_is_float(dtype) || is_integer(dtype) || dtype == DTYPE_BOOL || dtype_is_small_float(dtype) ||
           dtype_is_packed(dtype);
}

/* Of eight bits and less. */
static double small_to_double(enum dtype dtype, const void *data, size_t i) {
    uint8_t code;
    small_unpack(dtype, data, i, &code, 1);
    return dtype_is_small_float(dtype) ? (double)small_float_decode(dtype, code) : small_integer(dtype, code);
}

static double half_to_double(enum dtype dtype, uint16_t half) {
    float value;
    half_to_float(dtype, &half, &value, 1);
    return value;
}

/* Elements may stand at any address. */
#define READ(type, value) \
    type value;           \
    memcpy(&value, (const char *)data + i * sizeof value, sizeof value)

double element_get(enum dtype dtype, const void *data, size_t i) {
    switch (dtype) {
#define CASE(name, type, least, greatest) \
    case name: {                          \
        READ(type, value);                \
        return (double)value;             \
    }
        INTEGER_TYPES(CASE)
        CASE(DTYPE_DOUBLE, double, , )
        CASE(DTYPE_COMPLEX128, double, , )
        CASE(DTYPE_FLOAT, float, , )
        CASE(DTYPE_COMPLEX64, float, , )
        CASE(DTYPE_BOOL, uint8_t, , )
#undef CASE
    case DTYPE_FLOAT16: {
        READ(uint16_t, bits);
        return half_to_double(DTYPE_FLOAT16, bits);
    }
    case DTYPE_BFLOAT16: {
        READ(uint16_t, bits);
        return half_to_double(DTYPE_BFLOAT16, bits);
    }
    default:
        return dtype_is_small_float(dtype) || dtype_is_packed(dtype) ? small_to_double(dtype, data, i) : NAN;
    }
}

bool element_set(enum dtype dtype, void *data, size_t i, double value) {
    switch (dtype) {
    case DTYPE_FLOAT:
        ((float *)data)[i] = (float)value;
        return true;
    case DTYPE_DOUBLE:
        ((double *)data)[i] = value;
        return true;
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        half_from_double(dtype, &value, (uint16_t *)data + i, 1);
        return true;
    case DTYPE_BOOL:
        ((uint8_t *)data)[i] = rint(value) != 0;
        return true;
#define CASE(name, type, least, greatest)                                      \
    case name:                                                                 \
        ((type *)data)[i] = value <= (double)(least)      ? (type)(least)      \
                            : value >= (double)(greatest) ? (type)(greatest)   \
                                                          : (type)rint(value); \
        return true;
        INTEGER_TYPES(CASE)
#undef CASE
    default:
        return false;
    }
}

const char *number_text(double value, bool single, char text[ELEMENT_TEXT_BYTES]) {
    if (isnan(value)) /* printf may say "-nan" */
        return strcpy(text, "nan");
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, ELEMENT_TEXT_BYTES, "%.*g", digits, value);
        const double read = single ? (double)strtof(text, NULL) : strtod(text, NULL);
        if (read == value)
            break;
    }
    return text;
}

const char *element_text(const struct tensor *tensor, size_t i, char text[ELEMENT_TEXT_BYTES]) {
    const enum dtype dtype = tensor->dtype;
    const void *data = tensor->data;
    if (dtype == DTYPE_STRING) {
        const struct text *value = (const struct text *)data + i;
        const int length = value->length < 40 ? (int)value->length : 40;
        snprintf(text, ELEMENT_TEXT_BYTES, "\"%.*s\"%s", length, value->bytes, value->length > 40 ? "..." : "");
    } else if (element_is_complex(dtype)) {
        snprintf(text, ELEMENT_TEXT_BYTES, "%.9g%+.9gi", element_get(dtype, data, 2 * i),
                 element_get(dtype, data, 2 * i + 1));
    } else if (dtype == DTYPE_UINT64) {
        READ(uint64_t, value);
        snprintf(text, ELEMENT_TEXT_BYTES, "%llu", (unsigned long long)value);
    } else if (dtype == DTYPE_INT64) {
        READ(int64_t, value);
        snprintf(text, ELEMENT_TEXT_BYTES, "%lld", (long long)value);
    } else if (element_is_number(dtype)) {
        number_text(element_get(dtype, data, i), dtype != DTYPE_DOUBLE, text);
    } else {
        snprintf(text, ELEMENT_TEXT_BYTES, "(%s)", dtype_name(dtype));
    }
    return text;
}

const char *index_text(const struct shape *shape, size_t i, char text[SHAPE_TEXT_BYTES]) {
    struct shape index = {shape->rank, {0}};
    for (int d = shape->rank - 1; d >= 0; d--) {
        index.dims[d] = (int64_t)(i % (size_t)shape->dims[d]);
        i /= (size_t)shape->dims[d];
    }
    return shape_text(&index, text);
}

struct number_summary tensor_summary(const struct tensor *tensor) {
    const size_t count = (size_t)tensor_elements(tensor) * (element_is_complex(tensor->dtype) ? 2 : 1);
    struct number_summary summary = {NAN, NAN, NAN, 0};
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        const double value = element_get(tensor->dtype, tensor->data, i);
        if (isnan(value)) {
            summary.nan++;
            continue;
        }
        summary.low = fmin(summary.low, value);
        summary.high = fmax(summary.high, value);
        sum += value;
    }
    if (count > summary.nan)
        summary.mean = sum / (double)(count - summary.nan);
    return summary;
}
