/* What passes and tools ask of Conv and ConvTranspose (ops/core/op_facts.h). */
#ifndef LIMNER_OPS_CONV_CONV_FACTS_H
#define LIMNER_OPS_CONV_CONV_FACTS_H

#include "ops/core/op_facts.h"

/* As the model has them, and with something fused into them (domain "limner"). */
extern const struct op_facts conv_facts, conv_fused_facts, conv_transpose_facts, conv_transpose_fused_facts;

/* Of windows that slide over the input; params begin with a struct window_params. */
void conv_reach(const struct op_call *call, const bool *sees, struct op_reach *reach);

#endif
