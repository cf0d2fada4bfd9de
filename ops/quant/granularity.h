/* Which scale and zero point belong to which element: one for the tensor, for each index of an axis, or for each block
 * of an axis (ONNX QuantizeLinear). */
#ifndef LIMNER_OPS_QUANT_GRANULARITY_H
#define LIMNER_OPS_QUANT_GRANULARITY_H

#include "ops/core/op.h"

/* Attributes. */
struct granularity_params {
    int64_t axis, block; /* block 0: none */
};

/* Element (o, d, i) of [outer][length][inner] has scale o * outer_step + d / block * step + i * inner_step. */
struct granularity {
    int64_t length, inner, block;
    int64_t outer_step, step, inner_step;
    bool single; /* one for all */
};

/* Of input 0 by the shape of the scale, input `scale`, and of the zero point behind it, which has the same one. */
status granularity_of(const struct op_call *call, const struct granularity_params *params, int scale,
                      struct granularity *out, struct error *err);

/* Numbers of the scales of elements first .. first + count - 1. */
void granularity_list(const struct granularity *granularity, size_t first, size_t count, size_t *numbers);

#endif
