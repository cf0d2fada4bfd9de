#include "tests/support/node_call.h"

#include "ops/core/attributes.h"
#include "ops/core/op_infer.h"
#include "ops/evaluate.h"
#include "ops/registry.h"

#include <stdlib.h>
#include <string.h>

/* 64-byte aligned, full of NaN. */
static void *junk(size_t bytes) {
    const size_t rounded = (bytes + 64) / 64 * 64;
    void *memory = aligned_alloc(64, rounded);
    assert_non_null(memory);
    return memset(memory, 0xff, rounded);
}

status node_call_prepare(struct node_call *call, const struct test_node *node, int opset,
                         const struct tensor *const *inputs, const struct kernels *kernels, int threads,
                         struct weight_cache *weights) {
    *call = (struct node_call){.outputs = {&call->output}};
    for (int i = 0; i < node->node.input_count; i++)
        call->inputs[i] = inputs[i];
    call->call = (struct op_call){.op = op_find(node->node.domain, node->node.op_type, opset),
                                  .node = &node->node,
                                  .opset = opset,
                                  .input_count = node->node.input_count,
                                  .output_count = 1,
                                  .inputs = call->inputs,
                                  .outputs = call->outputs,
                                  .kernels = kernels,
                                  .threads = threads,
                                  .weights = weights};
    const struct op *op = call->call.op;
    assert_non_null(op);
    void *params = calloc(1, op->params_size + 1);
    call->call.state = calloc(1, op->state_size + 1);
    assert_true(params && call->call.state);
    call->call.params = params;
    if (op_parse(&call->call, params, &call->err) != STATUS_OK || op_infer(&call->call, &call->err) != STATUS_OK)
        fail_msg("%s: %s", node->node.op_type, call->err.message);
    return op->prepare(&call->call, &call->workspace_bytes, &call->err);
}

void node_call_allocate(struct node_call *call) {
    call->output.data = junk(call->output.bytes);
    call->call.workspace = junk(op_workspace_bytes(&call->call, call->workspace_bytes));
    op_cut_workspace(&call->call, call->workspace_bytes);
}

void node_call_run(struct node_call *call) {
    node_call_allocate(call);
    if (call->call.op->run(&call->call, &call->err) != STATUS_OK)
        fail_msg("%s: %s", call->call.node->op_type, call->err.message);
}

void node_call_close(struct node_call *call) {
    if (call->call.op->release)
        call->call.op->release(&call->call);
    free(call->call.workspace);
    free(call->call.state);
    free((void *)(uintptr_t)call->call.params);
}
