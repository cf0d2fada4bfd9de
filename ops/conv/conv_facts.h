/* What passes and tools ask of Conv and ConvTranspose (ops/core/op_facts.h). */
#ifndef LIMNER_OPS_CONV_CONV_FACTS_H
#define LIMNER_OPS_CONV_CONV_FACTS_H

#include "ops/core/op_facts.h"

/* As the model has them, and with something fused into them (domain "limner"). */
extern const struct op_facts conv_facts, conv_fused_facts, conv_transpose_facts, conv_transpose_fused_facts;

#endif
