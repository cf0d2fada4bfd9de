#include "ops/text/cast_text.h"

#include "base/convert.h"
#include "base/small_types.h"
#include "ops/text/strings.h"

#include <inttypes.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NUMBER_BYTES 48

/* X(ONNX's type, C's type, least, greatest) */
#define SIGNED(X)                                 \
    X(DTYPE_INT8, int8_t, INT8_MIN, INT8_MAX)     \
    X(DTYPE_INT16, int16_t, INT16_MIN, INT16_MAX) \
    X(DTYPE_INT32, int32_t, INT32_MIN, INT32_MAX) \
    X(DTYPE_INT64, int64_t, INT64_MIN, INT64_MAX)
#define UNSIGNED(X)                          \
    X(DTYPE_UINT8, uint8_t, 0, UINT8_MAX)    \
    X(DTYPE_UINT16, uint16_t, 0, UINT16_MAX) \
    X(DTYPE_UINT32, uint32_t, 0, UINT32_MAX) \
    X(DTYPE_UINT64, uint64_t, 0, UINT64_MAX)

/* ---- to strings ---- */

static int print_real(double value, bool wide, char text[NUMBER_BYTES]) {
    if (isnan(value))
        return snprintf(text, NUMBER_BYTES, "NaN");
    if (isinf(value))
        return snprintf(text, NUMBER_BYTES, value < 0 ? "-INF" : "INF");
    int length = 0;
    for (int digits = wide ? 15 : 8; digits <= 17; digits++) {
        length = snprintf(text, NUMBER_BYTES, "%.*g", digits, value);
        const double again = wide ? strtod(text, NULL) : (double)strtof(text, NULL);
        if (again == value)
            break;
    }
    return length;
}

static bool is_small(enum dtype dtype) {
    return dtype_is_packed(dtype) || dtype_is_small_float(dtype);
}

static int print_small(const struct tensor *tensor, int64_t i, char text[NUMBER_BYTES]) {
    uint8_t code;
    small_unpack(tensor->dtype, tensor->data, (size_t)i, &code, 1);
    if (dtype_is_packed_integer(tensor->dtype))
        return snprintf(text, NUMBER_BYTES, "%d", small_integer(tensor->dtype, code));
    return print_real(small_float_decode(tensor->dtype, code), false, text);
}

static int print_element(const struct tensor *tensor, int64_t i, char text[NUMBER_BYTES]) {
    float narrow;
    if (is_small(tensor->dtype))
        return print_small(tensor, i, text);
    switch (tensor->dtype) {
#define CASE(DTYPE, T, ...) \
    case DTYPE:             \
        return snprintf(text, NUMBER_BYTES, "%" PRId64, (int64_t)((const T *)tensor->data)[i]);
        SIGNED(CASE)
#undef CASE
#define CASE(DTYPE, T, ...) \
    case DTYPE:             \
        return snprintf(text, NUMBER_BYTES, "%" PRIu64, (uint64_t)((const T *)tensor->data)[i]);
        UNSIGNED(CASE)
        CASE(DTYPE_BOOL, bool)
#undef CASE
    case DTYPE_FLOAT:
        return print_real(((const float *)tensor->data)[i], false, text);
    case DTYPE_DOUBLE:
        return print_real(((const double *)tensor->data)[i], true, text);
    default:
        half_to_float(tensor->dtype, (const uint16_t *)tensor->data + i, &narrow, 1);
        return print_real(narrow, false, text);
    }
}

static status to_texts(const struct op_call *call, struct error *err) {
    const struct tensor *x = call->inputs[0];
    struct text *texts = call->outputs[0]->data;
    for (int64_t i = 0, count = tensor_elements(x); i < count; i++) {
        char text[NUMBER_BYTES];
        const int length = print_element(x, i, text);
        if (text_copy(call, text, (size_t)length, &texts[i], err) != STATUS_OK)
            return err->code;
    }
    return STATUS_OK;
}

/* ---- from strings ---- */

static bool is_word(struct text text, const char *word) {
    return text.length == strlen(word) && strncasecmp(text.bytes, word, text.length) == 0;
}

/* An integer with all its digits; false where the text is none, or beyond 64 bits. */
static bool read_integer(struct text text, bool *negative, uint64_t *size) {
    size_t i = text.length > 0 && (text.bytes[0] == '-' || text.bytes[0] == '+');
    *negative = i > 0 && text.bytes[0] == '-';
    *size = 0;
    if (i == text.length)
        return false;
    for (; i < text.length; i++)
        if (text.bytes[i] < '0' || text.bytes[i] > '9' || __builtin_mul_overflow(*size, 10u, size) ||
            __builtin_add_overflow(*size, (uint64_t)(text.bytes[i] - '0'), size))
            return false;
    return true;
}

/* Also "1e3" and "2.7", whose fraction goes. */
static bool read_rounded(struct text text, bool *negative, uint64_t *size) {
    double number;
    if (!text_to_double(text, &number) || !(fabs(number) < 18446744073709551616.0))
        return false;
    *negative = number <= -1.0;
    *size = (uint64_t)fabs(number);
    return true;
}

static bool read_whole(struct text text, bool *negative, uint64_t *size) {
    return read_integer(text, negative, size) || read_rounded(text, negative, size);
}

static bool read_signed(struct text text, int64_t least, int64_t greatest, int64_t *value) {
    bool negative;
    uint64_t size;
    if (!read_whole(text, &negative, &size) || size > (negative ? (uint64_t) - (least + 1) + 1 : (uint64_t)greatest))
        return false;
    *value = (int64_t)(negative ? 0 - size : size);
    return true;
}

static bool read_unsigned(struct text text, uint64_t greatest, uint64_t *value) {
    bool negative;
    return read_whole(text, &negative, value) && !(negative && *value > 0) && *value <= greatest;
}

static bool read_bool(struct text text, uint8_t *value) {
    double number = 0;
    *value = is_word(text, "true");
    if (*value || is_word(text, "false"))
        return true;
    if (!text_to_double(text, &number))
        return false;
    *value = number != 0;
    return true;
}

static bool read_element(struct text text, struct tensor *tensor, int64_t i) {
    double real = 0;
    switch (tensor->dtype) {
#define CASE(DTYPE, T, LEAST, GREATEST)                      \
    case DTYPE: {                                            \
        int64_t value = 0;                                   \
        if (!read_signed(text, (LEAST), (GREATEST), &value)) \
            return false;                                    \
        ((T *)tensor->data)[i] = (T)value;                   \
        return true;                                         \
    }
        SIGNED(CASE)
#undef CASE
    case DTYPE_BOOL:
        return read_bool(text, (uint8_t *)tensor->data + i);
#define CASE(DTYPE, T, LEAST, GREATEST)               \
    case DTYPE: {                                     \
        uint64_t value = 0;                           \
        if (!read_unsigned(text, (GREATEST), &value)) \
            return false;                             \
        ((T *)tensor->data)[i] = (T)value;            \
        return true;                                  \
    }
        UNSIGNED(CASE)
#undef CASE
    default:
        break;
    }
    if (!text_to_double(text, &real))
        return false;
    if (tensor->dtype == DTYPE_FLOAT)
        ((float *)tensor->data)[i] = (float)real;
    else if (tensor->dtype == DTYPE_DOUBLE)
        ((double *)tensor->data)[i] = real;
    else
        half_from_double(tensor->dtype, &real, (uint16_t *)tensor->data + i, 1);
    return true;
}

/* Elements of a byte and less; integers are those of the type, floats are rounded as Cast rounds. */
static bool read_small(struct text text, enum dtype dtype, uint8_t *code) {
    static const struct small_rounding rounding = {true, E8M0_UP};
    double real = 0;
    if (!text_to_double(text, &real))
        return false;
    if (!dtype_is_packed_integer(dtype)) {
        *code = small_float_encode(dtype, real, &rounding);
        return true;
    }
    for (unsigned c = 0; c < 1u << dtype_bits(dtype); c++)
        if (small_integer(dtype, (uint8_t)c) == (int)trunc(fmax(fmin(real, 100), -100))) {
            *code = (uint8_t)c;
            return true;
        }
    return false;
}

static status not_a_number(const struct text *texts, int64_t i, enum dtype dtype, struct error *err) {
    return fail(err, STATUS_INVALID_ARGUMENT, "string %lld, \"%.*s\", is no %s", (long long)i,
                (int)(texts[i].length < 40 ? texts[i].length : 40), texts[i].bytes, dtype_name(dtype));
}

static status from_texts_small(const struct text *texts, struct tensor *y, struct error *err) {
    const int64_t count = tensor_elements(y);
    for (int64_t i = 0; i < count; i += SMALL_GROUP) {
        uint8_t codes[SMALL_GROUP] = {0};
        const int64_t n = count - i < SMALL_GROUP ? count - i : SMALL_GROUP;
        for (int64_t k = 0; k < n; k++)
            if (!read_small(texts[i + k], y->dtype, &codes[k]))
                return not_a_number(texts, i + k, y->dtype, err);
        small_pack(y->dtype, codes, (size_t)i, y->data, (size_t)n);
    }
    return STATUS_OK;
}

static status from_texts(const struct op_call *call, struct error *err) {
    const struct text *texts = call->inputs[0]->data;
    struct tensor *y = call->outputs[0];
    if (is_small(y->dtype))
        return from_texts_small(texts, y, err);
    for (int64_t i = 0, count = tensor_elements(y); i < count; i++)
        if (!read_element(texts[i], y, i))
            return not_a_number(texts, i, y->dtype, err);
    return STATUS_OK;
}

/* Decimals have points, whatever the program around has set. */
status cast_text(const struct op_call *call, struct error *err) {
    const locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (!plain)
        return fail_memory(err, "a locale");
    const locale_t before = uselocale(plain);
    const status code = call->inputs[0]->dtype == DTYPE_STRING ? from_texts(call, err) : to_texts(call, err);
    uselocale(before);
    freelocale(plain);
    return code;
}
