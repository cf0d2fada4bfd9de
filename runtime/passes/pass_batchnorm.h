/*
 * BatchNormalization behind Conv, ConvTranspose or Gemm with constant weights: weights and bias take its scale and
 * shift, computed in double precision.
 */
#ifndef LIMNER_RUNTIME_PASSES_PASS_BATCHNORM_H
#define LIMNER_RUNTIME_PASSES_PASS_BATCHNORM_H

#include "runtime/passes/pass.h"

status pass_batchnorm(struct pass_context *context, struct error *err);

#endif
