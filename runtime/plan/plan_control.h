/* Steps whose operators run subgraphs (ops/core/op_control.h). */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_CONTROL_H
#define LIMNER_RUNTIME_PLAN_PLAN_CONTROL_H

#include "runtime/plan/plan.h"

/* Gives the step what it needs to run subgraphs, where its operator does. */
status plan_control_create(struct plan *plan, struct plan_step *step, struct error *err);
/*
 * Describes the outputs where no shape depends on data: the subgraph's plan is made and fixed, and its arena is the
 * step's workspace. STATUS_NEEDS_VALUE where that cannot be told before the run.
 */
status plan_control_infer(struct plan *plan, struct plan_step *step, struct error *err);
/*
 * Runs the step while planning where all that it reads is known and small: its outputs have memory of the heap then.
 * STATUS_NEEDS_VALUE where it is not, or cannot run.
 */
status plan_control_compute(struct plan *plan, struct plan_step *step, struct error *err);
/*
 * Runs the step. A dynamic one's outputs are described here and get memory of the heap. What an iteration hands to the
 * next lies in one buffer for each carried value, besides the memory that the subgraph runs in.
 */
status plan_control_run(struct plan *plan, struct plan_step *step, struct error *err);

#endif
