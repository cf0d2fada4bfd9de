#include "ops/evaluate.h"

#include "ops/core/attributes.h"
#include "ops/core/op_infer.h"
#include "ops/registry.h"

#include <stdlib.h>

static size_t whole_lines(size_t bytes) {
    return (bytes + 63) / 64 * 64;
}

size_t op_workspace_bytes(struct op_call *call, size_t workspace_bytes) {
    call->own_stride = whole_lines(call->own_bytes);
    return whole_lines(workspace_bytes) + call->own_stride * (size_t)call->threads;
}

void op_cut_workspace(struct op_call *call, size_t workspace_bytes) {
    call->own = (char *)call->workspace + whole_lines(workspace_bytes);
}

/* What op_evaluate holds besides the outputs. */
struct evaluation {
    struct op_call call;
    void *params;
};

static void *aligned_zeroless(size_t bytes) {
    const size_t rounded = (bytes + 63) / 64 * 64;
    return rounded < bytes ? NULL : aligned_alloc(64, rounded ? rounded : 64);
}

static status start(struct evaluation *evaluation, struct error *err) {
    struct op_call *call = &evaluation->call;
    if (!call->op)
        return fail(err, STATUS_UNSUPPORTED, "operator %s of opset %d is not supported", call->node->op_type,
                    call->opset);
    evaluation->params = calloc(1, call->op->params_size + 1);
    call->state = calloc(1, call->op->state_size + 1);
    if (!evaluation->params || !call->state)
        return fail_memory(err, "a node");
    call->params = evaluation->params;
    return op_parse(call, evaluation->params, err);
}

static status allocate_outputs(const struct op_call *call, size_t max_bytes, struct error *err) {
    for (int i = 0; i < call->output_count; i++) {
        struct tensor *output = call->outputs[i];
        if (!output)
            continue;
        if (output->bytes > max_bytes)
            return fail(err, STATUS_LIMIT, "output %d takes %zu bytes, the limit is %zu", i, output->bytes, max_bytes);
        output->data = aligned_zeroless(output->bytes);
        if (!output->data)
            return fail_memory(err, "an output");
    }
    return STATUS_OK;
}

static status compute(struct op_call *call, struct error *err) {
    size_t workspace_bytes = 0;
    status code = call->op->prepare ? call->op->prepare(call, &workspace_bytes, err) : STATUS_OK;
    const size_t bytes = code == STATUS_OK ? op_workspace_bytes(call, workspace_bytes) : 0;
    if (bytes) {
        call->workspace = aligned_zeroless(bytes);
        if (!call->workspace)
            code = fail_memory(err, "a workspace");
        else
            op_cut_workspace(call, workspace_bytes);
    }
    if (code == STATUS_OK)
        code = call->op->run(call, err);
    free(call->workspace);
    if (call->op->release)
        call->op->release(call);
    return code;
}

status op_evaluate(const struct node *node, int opset, const struct tensor *const *inputs,
                   struct tensor *const *outputs, const struct kernels *kernels, int threads, size_t max_bytes,
                   struct error *err) {
    struct evaluation evaluation = {.call = {.op = op_find(node->domain, node->op_type, opset),
                                             .node = node,
                                             .opset = opset,
                                             .input_count = node->input_count,
                                             .output_count = node->output_count,
                                             .inputs = inputs,
                                             .outputs = outputs,
                                             .kernels = kernels,
                                             .threads = threads}};
    struct op_call *call = &evaluation.call;
    for (int i = 0; i < call->output_count; i++)
        if (outputs[i])
            *outputs[i] = (struct tensor){0};
    status code = start(&evaluation, err);
    if (code == STATUS_OK)
        code = op_infer(call, err);
    if (code == STATUS_OK)
        code = allocate_outputs(call, max_bytes, err);
    if (code == STATUS_OK)
        code = compute(call, err);
    for (int i = 0; code != STATUS_OK && i < call->output_count; i++)
        if (outputs[i]) {
            free(outputs[i]->data);
            outputs[i]->data = NULL;
        }
    free(evaluation.params);
    free(call->state);
    return code;
}
