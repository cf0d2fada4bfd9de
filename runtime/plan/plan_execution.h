/* One execution of a step with subgraphs: what iterations are given, what they make, and the step's outputs. */
#ifndef LIMNER_RUNTIME_PLAN_PLAN_EXECUTION_H
#define LIMNER_RUNTIME_PLAN_PLAN_EXECUTION_H

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

/* Asks the operator what to do, from the values of the step's inputs, and makes ready for the first iteration.
 * STATUS_NEEDS_VALUE: nothing but which subgraph runs is known; body is NULL where not even that is. Closed either way.
 */
status execution_open(struct execution *e, struct plan *plan, struct plan_step *step, struct error *err);
void execution_close(struct execution *e);
/* A plan for the first iteration. STATUS_NEEDS_VALUE where the subgraph cannot be planned: it may never run; if it
   does, that says what is wrong. */
status execution_plan(struct execution *e, struct plan **child, struct error *err);
/* From beginning to end: runs all iterations and gives the step its outputs. */
status execution_do(struct plan *plan, struct plan_step *step, struct error *err);

/* The node's output of that number where somebody reads it; else NULL. */
struct tensor *execution_output(const struct execution *e, int i);
/* What makes output i of a subgraph. */
const struct plan_value *execution_result(const struct plan *child, int i);

#endif
