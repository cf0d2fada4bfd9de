/* Elements of any type that numbers are quantized from or to, as floats, a chunk at a time. */
#ifndef LIMNER_OPS_QUANT_NUMBERS_H
#define LIMNER_OPS_QUANT_NUMBERS_H

#include "base/convert.h"
#include "ops/core/op.h"

#define TYPES_HALF (TYPE(DTYPE_FLOAT16) | TYPE(DTYPE_BFLOAT16))
#define TYPES_INT8 (TYPE(DTYPE_INT8) | TYPE(DTYPE_UINT8))

/* Elements first .. first + count - 1, at most CONVERT_CHUNK of them. int32 is rounded. */
void numbers_load(enum dtype dtype, const void *data, size_t first, float *out, size_t count);
/*
 * The other way, into integers of up to 16 bits, 8-bit and 4-bit floating point, float, float16 or bfloat16. Integers:
 * values are whole numbers or NaN, which gives the smallest one, and are saturated. Of a packed type, first is a
 * multiple of SMALL_GROUP. saturate: of floating point of 8 bits.
 */
void numbers_store(enum dtype dtype, const float *values, void *data, size_t first, size_t count, bool saturate);

/* Rounded to what the type can hold: float as it is, float16 or bfloat16. */
float number_rounded(enum dtype dtype, float value);

/* The one element of a tensor; `missing` where there is no tensor. */
float number_of(const struct tensor *tensor, float missing);

#endif
