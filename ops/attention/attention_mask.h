/* Which keys a row sees, and what is added to its scores; and packing of keys. For the engine's files alone. */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_MASK_H
#define LIMNER_OPS_ATTENTION_ATTENTION_MASK_H

#include "ops/attention/attention_problem.h"

/* Keys first..end-1; first >= end: none. */
struct attention_range {
    int64_t first, end;
};
/* The keys that window and lengths let a row see. */
struct attention_range attention_visible(const struct attention *a, int64_t batch, int64_t row);

/*
 * Adds the masks to the first `keys` scores of a row, -infinity where it cannot see. False where it sees nothing; then
 * the scores need not be. bias: memory for as many numbers.
 */
bool attention_mask_float(const struct attention *a, int64_t batch, int64_t head, int64_t row, float *scores,
                          int64_t keys, float *bias);
bool attention_mask_double(const struct attention *a, int64_t batch, int64_t head, int64_t row, double *scores,
                           int64_t keys, double *bias);

/* A tile [size][columns of the gemm kernel] of keys from `key` on, zeros behind the last one. */
void attention_pack_keys(const struct attention *a, const struct kernels *kernels, int64_t batch, int64_t head,
                         int64_t key, float *tile);

#endif
