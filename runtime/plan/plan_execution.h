/* One execution of a step with subgraphs, from beginning to end. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_EXECUTION_H
#define LIMNER_RUNTIME_PLAN_PLAN_EXECUTION_H

#include "runtime/plan/plan_iteration.h"

/* Asks the operator what to do, from the values of the step's inputs, and makes ready for the first iteration.
 * STATUS_NEEDS_VALUE: nothing but which subgraph runs is known; body is NULL where not even that is. Closed either way.
 */
status execution_open(struct execution *e, struct plan *plan, struct plan_step *step, struct error *err);
void execution_close(struct execution *e);
/* From beginning to end: runs all iterations and gives the step its outputs. */
status execution_do(struct plan *plan, struct plan_step *step, struct error *err);

#endif
