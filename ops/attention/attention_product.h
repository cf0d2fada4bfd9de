/* The two products of a block: scores of its rows, scaled, and sums of values by what the scores have become. */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_PRODUCT_H
#define LIMNER_OPS_ATTENTION_ATTENTION_PRODUCT_H

#include "ops/attention/attention_block.h"

/* Into own->scores, keys before b->first are zero or not seen. */
void attention_scores_float(const struct attention_work *work, const struct attention_block *b,
                            const struct attention_own *own);
void attention_scores_double(const struct attention_work *work, const struct attention_block *b,
                             const struct attention_own *own);
/* From own->scores into own->sums. */
void attention_values_float(const struct attention_work *work, const struct attention_block *b,
                            const struct attention_own *own);
void attention_values_double(const struct attention_work *work, const struct attention_block *b,
                             const struct attention_own *own);

#endif
