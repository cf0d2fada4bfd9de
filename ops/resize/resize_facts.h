/* What Resize and Upsample say of themselves. */
#ifndef LIMNER_OPS_RESIZE_RESIZE_FACTS_H
#define LIMNER_OPS_RESIZE_RESIZE_FACTS_H

#include "ops/core/op_facts.h"

extern const struct op_facts resize_facts, resize_blocked_facts;

#endif
