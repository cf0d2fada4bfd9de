/*
 * One node step by step, as the planner has it: what prepare() chose can be looked at before it runs. Outputs and
 * workspace are full of NaN before the run, so that what is left out, or read before it was written, shows.
 */
#ifndef LIMNER_TESTS_SUPPORT_NODE_CALL_H
#define LIMNER_TESTS_SUPPORT_NODE_CALL_H

#include "tests/support/support.h"

#include "ops/core/op.h"

struct node_call {
    struct op_call call;
    const struct tensor *inputs[8];
    struct tensor output;
    struct tensor *outputs[1];
    size_t workspace_bytes;
    struct error err;
};

/* Up to and with prepare(), whose status it returns; fails the test where anything before it does not work. */
status node_call_prepare(struct node_call *call, const struct test_node *node, int opset,
                         const struct tensor *const *inputs, const struct kernels *kernels, int threads,
                         struct weight_cache *weights);
/* Memory for the output and for the workspace. */
void node_call_allocate(struct node_call *call);
void node_call_run(struct node_call *call);
/* Gives everything up, but not the output's data. */
void node_call_close(struct node_call *call);

#endif
