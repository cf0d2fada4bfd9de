/* Scale and zero point of uint8 from the numbers that are quantized (ONNX DynamicQuantizeLinear). */
#ifndef LIMNER_OPS_QUANT_DYNAMIC_H
#define LIMNER_OPS_QUANT_DYNAMIC_H

#include <stddef.h>
#include <stdint.h>

struct dynamic_range {
    float scale, zero; /* scale is above 0 */
};

struct dynamic_range dynamic_range_of(const float *x, size_t count);
/* y = saturate(round(x / scale) + zero) */
void dynamic_quantize(const float *x, size_t count, struct dynamic_range range, uint8_t *y, int threads);

#endif
