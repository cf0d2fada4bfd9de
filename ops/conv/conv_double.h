/* Conv and ConvTranspose of doubles: sums taken one by one, over the phases that the engines have. */
#ifndef LIMNER_OPS_CONV_CONV_DOUBLE_H
#define LIMNER_OPS_CONV_CONV_DOUBLE_H

#include "ops/conv/window.h"

void conv_double_run(const struct op_call *call, const struct window *window, bool transposed);

#endif
