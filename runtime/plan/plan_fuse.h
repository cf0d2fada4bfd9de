/* Planning, between shapes and memory: pairs of steps are fused, so that what is between them is never whole. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_FUSE_H
#define LIMNER_RUNTIME_PLAN_PLAN_FUSE_H

#include "runtime/plan/plan.h"

/* Marks the steps that are fused with the step behind them. */
status plan_fuse(struct plan *plan, struct error *err);

#endif
