/* Scale and zero point of uint8 from the numbers that are quantized (ONNX DynamicQuantizeLinear). */
#ifndef LIMNER_OPS_QUANT_DYNAMIC_H
#define LIMNER_OPS_QUANT_DYNAMIC_H

#include "ops/core/op.h"

struct dynamic_range {
    float scale, zero; /* scale is above 0 */
};

struct dynamic_range dynamic_range_of(const struct op_call *call, const float *x, size_t count);
/* y = saturate(round(x / scale) + zero) */
void dynamic_quantize(const struct op_call *call, const float *x, size_t count, struct dynamic_range range, void *y);

#endif
