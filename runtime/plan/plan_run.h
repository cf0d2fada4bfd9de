/* Running a plan. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_RUN_H
#define LIMNER_RUNTIME_PLAN_PLAN_RUN_H

#include "runtime/plan/plan.h"

/* Points all values into the arena of at least arena_bytes. */
void plan_bind(struct plan *plan, unsigned char *arena);
/* Points the input's values at data, which must be aligned for its type. */
void plan_bind_input(struct plan *plan, int port, const void *data);
/* Runs a bound plan in plan->threads threads; afterwards outputs[i].tensor is set. */
status plan_run(struct plan *plan, struct error *err);

#endif
