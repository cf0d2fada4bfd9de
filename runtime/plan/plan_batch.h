/* Steps with subgraphs whose inputs and outputs have a batch in front (op_mapping.batched). */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_BATCH_H
#define LIMNER_RUNTIME_PLAN_PLAN_BATCH_H

#include "runtime/plan/plan.h"

/* Executes a dynamic step for one member of the batch after the other, and puts the outputs together. */
status plan_batch_run(struct plan *plan, struct plan_step *step, struct error *err);

#endif
