/* Conv (ONNX 1, 11, 22): one to three spatial dimensions. */
#ifndef LIMNER_OPS_CONV_CONV_H
#define LIMNER_OPS_CONV_CONV_H

#include "ops/conv/window.h"

/* Sizes and resolved padding of a call, for Conv and for ConvTranspose (conv.c, conv_transpose.c). */
status conv_resolve(const struct op_call *call, struct window *window, struct error *err);

#endif
