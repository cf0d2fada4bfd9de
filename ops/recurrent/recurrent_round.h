/* The state of a recurrent layer as onnxruntime's layers with 8-bit weights multiply it. */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_ROUND_H
#define LIMNER_OPS_RECURRENT_RECURRENT_ROUND_H

#include "base/tensor.h"

/*
 * rounded = state, each number quantized to uint8 by one scale and zero point for all rows, as DynamicQuantizeLinear
 * has them, less the zero point. Rows of both are `stride` floats apart. Returns the scale.
 */
float recurrent_round(const float *state, int64_t stride, int64_t rows, int64_t columns, float *rounded);

/* A row's sums of products of whole numbers as real ones: times scale, and times the column's of `scales`, which has
   one for all of a direction or one a column. */
void recurrent_scale(float *sums, int64_t columns, float scale, const struct tensor *scales, int64_t direction,
                     int64_t directions);

#endif
