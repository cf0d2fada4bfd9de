/*
 * ConvTranspose (ONNX 1, 11, 22): one to three spatial dimensions, every attribute. The output is computed phase by
 * phase (one per residue of its position modulo the stride), each an ordinary convolution without zeros between inputs.
 */
#ifndef LIMNER_OPS_CONV_CONV_TRANSPOSE_H
#define LIMNER_OPS_CONV_CONV_TRANSPOSE_H

#include "ops/conv/conv_operator.h"

extern const struct conv_kind conv_transpose_kind;

#endif
