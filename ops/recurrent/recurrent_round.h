/* The state of a recurrent layer as onnxruntime's layers with 8-bit weights multiply it. */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_ROUND_H
#define LIMNER_OPS_RECURRENT_RECURRENT_ROUND_H

#include <stdint.h>

/*
 * rounded = state, each number quantized to uint8 and back by one scale and zero point for all rows, as
 * DynamicQuantizeLinear has them. Rows of both are `stride` floats apart.
 */
void recurrent_round(const float *state, int64_t stride, int64_t rows, int64_t columns, float *rounded);

#endif
