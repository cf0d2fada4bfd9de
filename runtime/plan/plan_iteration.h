/* One execution of a step with subgraphs, and what an iteration of it is given. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_ITERATION_H
#define LIMNER_RUNTIME_PLAN_PLAN_ITERATION_H

#include "runtime/plan/plan_stack.h"

/* A value that is the last iteration's, and the next one's where it is carried. */
struct latest {
    struct tensor tensor;
    struct held held;
};

/* One execution of a step, or what is known of it while planning. */
struct execution {
    struct plan *plan;
    struct plan_step *step;
    const struct op_mapping *mapping;
    const struct program_body *body;
    struct op_schedule schedule;
    struct pool *pool;
    struct port_request *ports;
    const void **data; /* by port */
    struct latest *latest;
    struct held *slices; /* of those that do not lie in one piece */
    struct stack *stacks;
    struct box **sequences; /* in the place of stacks where items are mapped */
    int64_t number;
    bool goes;
    struct plan *child, *bound; /* bound: has got what does not change */
};

/* What iteration e->number is to be planned for: e->ports of what the node gives. */
void execution_request(const struct execution *e);
/* The same of what the subgraph reads of the values around it; once for all iterations. */
void execution_request_captured(const struct execution *e);
/* e->data of what iteration `number` is given. */
status execution_give(struct execution *e, int64_t number, struct error *err);
/* A plan for the first iteration. STATUS_NEEDS_VALUE where the subgraph cannot be planned: it may never run; if it
   does, that says what is wrong. */
status execution_plan(struct execution *e, struct plan **child, struct error *err);

/* The node's output of that number where somebody reads it; else NULL. */
struct tensor *execution_output(const struct execution *e, int i);
/* What makes output i of a subgraph. */
const struct plan_value *execution_result(const struct plan *child, int i);

#endif
