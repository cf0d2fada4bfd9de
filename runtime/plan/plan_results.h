/* What iterations of a step with subgraphs make, and the step's outputs. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_RESULTS_H
#define LIMNER_RUNTIME_PLAN_PLAN_RESULTS_H

#include "runtime/plan/plan_iteration.h"

/* Behind an iteration: keeps what the subgraph made, and sets e->goes. */
status execution_take(struct execution *e, struct error *err);
/* Behind the last one: gives the step its outputs. */
status execution_finish(struct execution *e, struct error *err);

#endif
