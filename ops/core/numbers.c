#include "ops/core/numbers.h"

#include "base/convert.h"

static double half_at(const struct tensor *tensor, int64_t i) {
    float x;
    half_to_float(tensor->dtype, (const uint16_t *)tensor->data + i, &x, 1);
    return (double)x;
}

#define AS(DTYPE, T)    \
    case DTYPE_##DTYPE: \
        return (double)((const T *)tensor->data)[i];

double number_at(const struct tensor *tensor, int64_t i) {
    switch (tensor->dtype) {
        AS(FLOAT, float)
        AS(DOUBLE, double)
        AS(BOOL, uint8_t)
        AS(UINT8, uint8_t)
        AS(INT8, int8_t)
        AS(UINT16, uint16_t)
        AS(INT16, int16_t)
        AS(INT32, int32_t)
        AS(INT64, int64_t)
        AS(UINT32, uint32_t)
        AS(UINT64, uint64_t)
    case DTYPE_FLOAT16:
    case DTYPE_BFLOAT16:
        return half_at(tensor, i);
    default:
        return 0;
    }
}
