/* Planning, first stage: types and shapes of all values, node by node. What is small and known is computed here. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_SHAPES_H
#define LIMNER_RUNTIME_PLAN_PLAN_SHAPES_H

#include "runtime/plan/plan.h"

/* Gives every value its type, shape and place, and makes the steps (without memory). */
status plan_shapes(struct plan *plan, const int *port_values, struct error *err);
/* Points the values that are constants, and no inputs of this run, to the program's. */
void plan_set_constants(struct plan *plan);
/* Makes the step's call; constants are aligned as its operator needs them. */
status plan_make_call(struct plan *plan, struct plan_step *step, struct error *err);
/* Computes the step's described outputs once and for all. */
status plan_compute_now(struct plan *plan, struct plan_step *step, struct error *err);

#endif
