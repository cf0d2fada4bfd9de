/* Conv (ONNX 1, 11, 22): one to three spatial dimensions. */
#ifndef LIMNER_OPS_CONV_CONV_H
#define LIMNER_OPS_CONV_CONV_H

#include "ops/conv/conv_operator.h"

extern const struct conv_kind conv_kind;

#endif
