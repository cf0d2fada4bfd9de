/* What pooling says of itself. */
#ifndef LIMNER_OPS_POOL_POOL_FACTS_H
#define LIMNER_OPS_POOL_POOL_FACTS_H

#include "ops/core/op_facts.h"

extern const struct op_facts pool_facts, global_pool_facts;

#endif
