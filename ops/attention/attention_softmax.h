/* Softmax of a row of scores: capped, masked, and kept where somebody wants them. */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_SOFTMAX_H
#define LIMNER_OPS_ATTENTION_ATTENTION_SOFTMAX_H

#include "ops/attention/attention_block.h"

/*
 * Scores x of the row-th row of a block become exponentials; returns 1 over their sum, or 0 where no key is seen. bias:
 * memory for as many numbers as a row has.
 */
double attention_softmax_float(const struct attention_work *work, const struct attention_block *b, int64_t row,
                               float *x, float *bias);
double attention_softmax_double(const struct attention_work *work, const struct attention_block *b, int64_t row,
                                double *x, double *bias);

#endif
