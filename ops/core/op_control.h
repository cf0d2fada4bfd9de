/*
 * Operators whose attributes are graphs. A definition says which subgraph runs, how often, and how the inputs and
 * outputs of the node stand to those of the subgraph; the runtime does the rest (runtime/plan/plan_control.h).
 *
 * A subgraph's inputs are, in this order: the iteration's number and the condition (where `counts`), the carried
 * values, the slices. Its outputs: the next iteration's condition (where `counts`), the latest values, the stacked
 * ones.
 */
#ifndef LIMNER_OPS_CORE_OP_CONTROL_H
#define LIMNER_OPS_CORE_OP_CONTROL_H

#include "ops/core/op.h"

/* Along which axis an input is cut into slices, or an output put together of them, one an iteration. */
struct op_slicing {
    int axis; /* of the whole tensor; negative ones count from its end */
    bool backwards;
};

struct op_mapping {
    bool counts;
    int first;   /* the node's input that is the first carried value; the sliced ones follow */
    int carried; /* values that an iteration takes over from the one before */
    int sliced;
    int latest; /* outputs of the node that are the last iteration's; the first ones are the carried values */
    int stacked;
    const struct op_slicing *slices, *stacks; /* NULL: along axis 0, forwards */
    /* Sliced inputs that are sequences give an item an iteration, others are given whole; stacked outputs are
       sequences. Nothing is carried. */
    bool items;
    bool batched; /* all this for each member of a batch: dimension 0 of all inputs and outputs of the node */
};

/* What an execution does. */
struct op_schedule {
    int body;      /* index of the subgraph; -1: not known */
    int64_t trips; /* iterations at most */
    bool goes;     /* the condition before the first one */
};

struct op_control {
    const char *const *bodies; /* the attributes; NULL behind the last one */
    /* Asked after parse(), of the node alone. */
    void (*map)(const struct op_call *call, struct op_mapping *mapping);
    /* From the values of the node's inputs. STATUS_NEEDS_VALUE: they are not known yet; then only `body` is set. */
    status (*start)(const struct op_call *call, struct op_schedule *schedule, struct error *err);
};

/* ---- for the definitions ---- */

/* infer() and run() of all of them: the runtime takes their place. */
status op_control_infer(struct op_call *call, struct error *err);
status op_control_run(struct op_call *call, struct error *err);
/* A definition, whose parsed attributes are of the type PARAMS; the rest of its members may follow. */
#define OP_CONTROL(NAME, SINCE, INPUTS, OUTPUTS, PARAMS, PARSE, FACTS)                                               \
    .name = NAME, .domain = "", .since = SINCE, .inputs = INPUTS, .outputs = OUTPUTS, .params_size = sizeof(PARAMS), \
    .parse = PARSE, .infer = op_control_infer, .run = op_control_run, .facts = FACTS

/* STATUS_INVALID_MODEL unless the subgraph has so many inputs and at least so many outputs; it must be there. */
status op_control_check(const struct graph *body, const char *name, int inputs, int outputs, struct error *err);

/* The one element of input i (a bool or an int64); fallback when it is left out. */
status op_control_number(const struct op_call *call, int i, int64_t fallback, int64_t *number, struct error *err);

#endif
