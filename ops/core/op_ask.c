#include "ops/core/op_ask.h"

#include "ops/core/attributes.h"

/* Numbers and lists are aligned; larger constants come without data where they are not. */
static bool ask_constant(const struct op_asker *asker, const struct tensor *constant, struct tensor *tensor) {
    const bool is_list = constant->shape.rank <= 1;
    const struct tensor *aligned = is_list ? tensor_align(constant, asker->pool) : constant;
    if (!aligned)
        return false;
    *tensor = *aligned;
    tensor->constant = true;
    if (!tensor_aligned(aligned))
        tensor->data = NULL;
    return true;
}

static bool ask_inputs(const struct op_asker *asker, const struct node *node, struct op_call *call) {
    const size_t count = (size_t)node->input_count + 1;
    const struct tensor **inputs = pool_array(asker->pool, count, sizeof *inputs);
    struct tensor *tensors = pool_array(asker->pool, count, sizeof *tensors);
    if (!inputs || !tensors)
        return false;
    for (int i = 0; i < node->input_count; i++) {
        const int value = node->inputs[i];
        if (value == NO_VALUE)
            continue;
        const struct tensor *constant = asker->constant(asker->context, value);
        tensors[i] = (struct tensor){.dtype = asker->type(asker->context, value), .bytes = 1}; /* not known */
        if (constant && !ask_constant(asker, constant, &tensors[i]))
            return false;
        inputs[i] = &tensors[i];
    }
    call->input_count = node_arguments(node);
    call->inputs = inputs;
    return true;
}

static bool ask_outputs(const struct op_asker *asker, const struct node *node, struct op_call *call) {
    const size_t count = (size_t)node->output_count + 1;
    struct tensor **outputs = pool_array(asker->pool, count, sizeof *outputs);
    struct tensor *tensors = pool_array(asker->pool, count, sizeof *tensors);
    if (!outputs || !tensors)
        return false;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE && asker->is_read(asker->context, node->outputs[i]))
            outputs[i] = &tensors[i];
    call->output_count = node->output_count;
    call->outputs = outputs;
    return true;
}

status op_ask(const struct op_asker *asker, const struct op *op, const struct node *node, int opset,
              struct op_call **call, struct error *err) {
    struct op_call *made = pool_array(asker->pool, 1, sizeof *made);
    void *params = made ? pool_alloc(asker->pool, op->params_size + 1) : NULL;
    if (!params)
        return fail_memory(err, "a node");
    *made = (struct op_call){.op = op, .node = node, .opset = opset, .params = params, .threads = 1};
    if (!ask_inputs(asker, node, made) || !ask_outputs(asker, node, made))
        return fail_memory(err, "a node");
    *call = made;
    return op_parse(made, params, err);
}
