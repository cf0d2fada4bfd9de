/* Running two convolutions as one: what lies between them is computed a row tile at a time and stays in the cache. */
#ifndef LIMNER_OPS_BLOCKED_FUSED_FUSED_H
#define LIMNER_OPS_BLOCKED_FUSED_FUSED_H

#include "ops/blocked/fused/fused_plan.h"

/* first_fraction: the part of the time that the first one took. */
void blocked_run_fused(struct op_call *first, struct op_call *second, double *first_fraction);

#endif
