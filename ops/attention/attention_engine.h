/*
 * Scaled dot-product attention (A. Vaswani et al., "Attention is all you need", 2017) for all operators that contain
 * it: y = softmax(softcap(scale * q k^T) + masks) v, for every head of every batch row. Query heads may share key and
 * value heads. Scores are made for some rows of a head at a time and never whole.
 */
#ifndef LIMNER_OPS_ATTENTION_ATTENTION_ENGINE_H
#define LIMNER_OPS_ATTENTION_ATTENTION_ENGINE_H

#include "ops/attention/attention_problem.h"

/* Sets the workspace that attention_run() needs, and call->own_bytes. Data need not be known. */
status attention_prepare(struct op_call *call, const struct attention *attention, size_t *workspace_bytes,
                         struct error *err);
void attention_run(const struct op_call *call, const struct attention *attention);
/* Multiply-accumulates. */
double attention_macs(const struct attention *attention);

#endif
