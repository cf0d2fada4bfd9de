/* Elements of tensors as double, one at a time: for what is read too seldom for a loop of its own. */
#ifndef LIMNER_OPS_CORE_NUMBERS_H
#define LIMNER_OPS_CORE_NUMBERS_H

#include "base/tensor.h"

/* Element i of a tensor of numbers (also of 16 bits) or bools. */
double number_at(const struct tensor *tensor, int64_t i);

#endif
