/* Planning, second stage: who lives how long, who shares memory with whom, and where everything lies. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_MEMORY_H
#define LIMNER_RUNTIME_PLAN_PLAN_MEMORY_H

#include "runtime/plan/plan.h"

/* Lays out the arena. */
status plan_memory(struct plan *plan, struct error *err);

#endif
