#include "ops/evaluate.h"

#include "base/memory.h"
#include "base/sizes.h"
#include "ops/core/attributes.h"
#include "ops/core/op_infer.h"
#include "ops/registry.h"

#include <stdlib.h>
#include <string.h>

size_t op_workspace_bytes(struct op_call *call, size_t workspace_bytes) {
    call->own_stride = whole_line_bytes(call->own_bytes);
    return whole_line_bytes(workspace_bytes) + call->own_stride * (size_t)call->threads;
}

void op_cut_workspace(struct op_call *call, size_t workspace_bytes) {
    call->own = (char *)call->workspace + whole_line_bytes(workspace_bytes);
}

/* What op_evaluate holds besides the outputs. */
struct evaluation {
    struct op_call call;
    void *params;
};

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
        output->data = memory_alloc(output->bytes);
        if (!output->data)
            return fail_memory(err, "a value");
        if (dtype_is_boxed(output->dtype))
            memset(output->data, 0, output->bytes); /* no box yet */
    }
    return STATUS_OK;
}

static status prepare_and_run(struct op_call *call, struct error *err) {
    size_t workspace_bytes = 0;
    status code = call->op->prepare ? call->op->prepare(call, &workspace_bytes, err) : STATUS_OK;
    const size_t bytes = code == STATUS_OK ? op_workspace_bytes(call, workspace_bytes) : 0;
    if (bytes > 0 && !(call->workspace = memory_alloc(bytes)))
        code = fail_memory(err, "a workspace");
    if (code == STATUS_OK && bytes > 0)
        op_cut_workspace(call, workspace_bytes);
    if (code == STATUS_OK)
        code = call->op->run(call, err);
    if (call->op->release)
        call->op->release(call);
    free(call->workspace);
    call->workspace = NULL;
    return code;
}

static void drop_outputs(const struct op_call *call) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i])
            tensor_free(call->outputs[i]);
}

status op_compute(struct op_call *call, size_t max_bytes, struct error *err) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i])
            call->outputs[i]->data = NULL;
    memset(call->state, 0, call->op->state_size);
    status code = allocate_outputs(call, max_bytes, err);
    if (code == STATUS_OK)
        code = prepare_and_run(call, err);
    if (code != STATUS_OK)
        drop_outputs(call);
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
        code = op_compute(call, max_bytes, err);
    free(evaluation.params);
    free(call->state);
    return code;
}
