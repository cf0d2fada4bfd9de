/*
 * Convolutions, and what stands between them, work on channel blocks (ops/blocked/blocked.h): plain tensors are turned
 * into blocks where the first of them reads, and back where somebody else reads. A Pad that reflects or repeats the
 * border becomes the border of the convolution behind it; an InstanceNormalization takes the activation or addition
 * behind it.
 */
#ifndef LIMNER_RUNTIME_PASSES_PASS_LAYOUT_H
#define LIMNER_RUNTIME_PASSES_PASS_LAYOUT_H

#include "runtime/passes/pass.h"

status pass_layout(struct pass_context *context, struct error *err);

#endif
