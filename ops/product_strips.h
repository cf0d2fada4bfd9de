/*
 * Products with a constant right side, whose columns lie packed in channel blocks: the rows of A are the pixels of the
 * matrix core of ops/kernels (struct block_kernel), read where they lie. For product.c alone.
 */
#ifndef LIMNER_OPS_PRODUCT_STRIPS_H
#define LIMNER_OPS_PRODUCT_STRIPS_H

#include "ops/product.h"

/* The numbers of a row of A stand side by side, and B is constant. */
bool strips_fit(const struct op_call *call, const struct product *product);
/* Packs B, or takes it from the cache, into state->packed; NULL there without memory. */
void strips_take_weights(struct op_call *call, struct product_state *state);
size_t strips_workspace_bytes(int threads);
/* a: the whole of A; c may be NULL. */
void strips_run(const struct op_call *call, const float *a, const float *c, float *y, float *workspace);

#endif
