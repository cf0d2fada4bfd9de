#include "ops/quant/numbers.h"

#include "base/scalar.h"
#include "base/simd.h"
#include "base/small_types.h"

/* X(C type, suffix of DTYPE_, least, greatest) */
#define WHOLE_TYPES(X)                      \
    X(int8_t, INT8, INT8_MIN, INT8_MAX)     \
    X(uint8_t, UINT8, 0, UINT8_MAX)         \
    X(int16_t, INT16, INT16_MIN, INT16_MAX) \
    X(uint16_t, UINT16, 0, UINT16_MAX)

#define LOAD(T)                                                          \
    do {                                                                 \
        const T *from = (const T *)data + first;                         \
        SIMD for (size_t i = 0; i < count; i++) out[i] = (float)from[i]; \
    } while (0)

static void load_small(enum dtype dtype, const void *data, size_t first, float *out, size_t count) {
    uint8_t codes[CONVERT_CHUNK];
    small_unpack(dtype, data, first, codes, count);
    if (dtype_is_small_float(dtype))
        for (size_t i = 0; i < count; i++)
            out[i] = small_float_decode(dtype, codes[i]);
    else
        for (size_t i = 0; i < count; i++)
            out[i] = (float)small_integer(dtype, codes[i]);
}

void numbers_load(enum dtype dtype, const void *data, size_t first, float *out, size_t count) {
    switch (dtype) {
    case DTYPE_FLOAT:
        LOAD(float);
        break;
    case DTYPE_INT32:
        LOAD(int32_t);
        break;
#define CASE(T, NAME, LEAST, GREATEST) \
    case DTYPE_##NAME:                 \
        LOAD(T);                       \
        break;
        WHOLE_TYPES(CASE)
#undef CASE
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        half_to_float(dtype, (const uint16_t *)data + first, out, count);
        break;
    default:
        load_small(dtype, data, first, out, count);
    }
}

/* low where x is NaN */
SCALAR int32_t saturated(float x, float low, float high) {
    const float y = scalar_select(x > low, x, low);
    return (int32_t)scalar_select(y < high, y, high);
}

#define STORE(T, LEAST, GREATEST)                                                                                   \
    do {                                                                                                            \
        T *to = (T *)data + first;                                                                                  \
        SIMD for (size_t i = 0; i < count; i++) to[i] = (T)saturated(values[i], (float)(LEAST), (float)(GREATEST)); \
    } while (0)

static void store_small(enum dtype dtype, const float *values, void *data, size_t first, size_t count, bool saturate) {
    const struct small_rounding rounding = {saturate, E8M0_UP};
    const int half = 1 << (dtype_bits(dtype) - 1);
    const bool is_signed = dtype == DTYPE_INT4 || dtype == DTYPE_INT2;
    const float low = is_signed ? (float)-half : 0, high = is_signed ? (float)(half - 1) : (float)(2 * half - 1);
    uint8_t codes[CONVERT_CHUNK];
    for (size_t i = 0; i < count; i++)
        codes[i] = dtype_is_small_float(dtype) ? small_float_encode(dtype, (double)values[i], &rounding)
                                               : (uint8_t)saturated(values[i], low, high);
    small_pack(dtype, codes, first, data, count);
}

void numbers_store(enum dtype dtype, const float *values, void *data, size_t first, size_t count, bool saturate) {
    switch (dtype) {
    case DTYPE_FLOAT:
        for (size_t i = 0; i < count; i++)
            ((float *)data)[first + i] = values[i];
        break;
#define CASE(T, NAME, LEAST, GREATEST) \
    case DTYPE_##NAME:                 \
        STORE(T, LEAST, GREATEST);     \
        break;
        WHOLE_TYPES(CASE)
#undef CASE
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        half_from_float(dtype, values, (uint16_t *)data + first, count);
        break;
    default:
        store_small(dtype, values, data, first, count, saturate);
    }
}

float number_rounded(enum dtype dtype, float value) {
    uint16_t half;
    if (!dtype_is_half(dtype))
        return value;
    half_from_float(dtype, &value, &half, 1);
    half_to_float(dtype, &half, &value, 1);
    return value;
}

float number_of(const struct tensor *tensor, float missing) {
    float value = missing;
    if (tensor)
        numbers_load(tensor->dtype, tensor->data, 0, &value, 1);
    return value;
}
