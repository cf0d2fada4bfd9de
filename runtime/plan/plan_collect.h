/* Outputs of steps with subgraphs that are sequences: one item an iteration. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_COLLECT_H
#define LIMNER_RUNTIME_PLAN_PLAN_COLLECT_H

#include "runtime/plan/plan.h"

/* A sequence without items, with room for so many. element: their type where it is known. */
status collect_open(struct plan *plan, enum dtype element, int64_t capacity, struct box **sequence, struct error *err);
/* Adds a copy of the tensor; all items have one type. The capacity suffices. */
status collect_add(struct plan *plan, struct box *sequence, const struct tensor *item, struct error *err);
/* Hands the sequence to an output on the heap, whose step holds it then; *sequence is NULL. */
status collect_give(struct plan *plan, struct box **sequence, struct tensor *output, struct error *err);

#endif
