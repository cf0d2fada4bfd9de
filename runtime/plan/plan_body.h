/* Plans of subgraphs: made for what an iteration gives them, and kept for the next one like it. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_BODY_H
#define LIMNER_RUNTIME_PLAN_PLAN_BODY_H

#include "runtime/plan/plan.h"

/* A plan for these inputs of subgraph `body` of the step: one that is there, or a new one in the place of the least
 * recently used one. */
status plan_body_get(struct plan *plan, struct plan_step *step, int body, const struct port_request *ports,
                     struct plan **child, struct error *err);
/* Gives the subgraph's plan its memory, and what the limit leaves of activations. */
status plan_body_bind(struct plan *plan, const struct plan_step *step, struct plan *child, struct error *err);

#endif
