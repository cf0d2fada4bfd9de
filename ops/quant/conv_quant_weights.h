/* Weights of convolutions of 8 bits: in panels, with what each output sums up to behind them. */
#ifndef LIMNER_OPS_QUANT_CONV_QUANT_WEIGHTS_H
#define LIMNER_OPS_QUANT_CONV_QUANT_WEIGHTS_H

#include "ops/quant/conv_quant_call.h"

/* The weights are int8 around 0, or uint8 around 128, as far as is known. */
bool quant_conv_is_bytes(const struct quant_conv *c);
/* Of packed weights: [group][panel][step][row], then the sum of each output's. False where they are too large. */
bool quant_conv_packed_bytes(const struct quant_conv *c, size_t *bytes);
/* Packs the weights of a struct quant_conv, whose input they are. A function of struct packing. */
void quant_conv_pack(void *destination, const struct tensor *source, const void *context);
/* Constant weights become state->packed, from the cache of the model; others are left to every run. */
status quant_conv_take_weights(const struct quant_conv *c, size_t bytes, struct error *err);

#endif
