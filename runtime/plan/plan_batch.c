#include "runtime/plan/plan_batch.h"

#include "runtime/plan/plan_execution.h"

#include <stdlib.h>

/* The step as one member of the batch has it. */
struct member {
    struct plan_step step;
    struct tensor *inputs, *outputs;
    const struct tensor **input_list;
    struct tensor **output_list;
    struct stack *stacks; /* of the outputs */
    int64_t count;        /* members */
};

static status allocate(struct member *member, const struct op_call *call, struct pool *pool, struct error *err) {
    const size_t inputs = (size_t)call->node->input_count + 1, outputs = (size_t)call->output_count + 1;
    member->inputs = pool_array(pool, inputs, sizeof *member->inputs);
    member->input_list = pool_array(pool, inputs, sizeof *member->input_list);
    member->outputs = pool_array(pool, outputs, sizeof *member->outputs);
    member->output_list = pool_array(pool, outputs, sizeof *member->output_list);
    member->stacks = pool_array(pool, outputs, sizeof *member->stacks);
    if (!member->inputs || !member->input_list || !member->outputs || !member->output_list || !member->stacks)
        return fail_memory(err, "a batch");
    return STATUS_OK;
}

/* The batch is dimension 0 of all inputs. */
static status count_members(const struct op_call *call, int64_t *count, struct error *err) {
    char text[ARG_TEXT_BYTES];
    *count = -1;
    for (int i = 0; i < call->input_count; i++) {
        const struct tensor *input = op_input(call, i);
        if (!input)
            continue;
        if (input->shape.rank < 1 || (*count >= 0 && input->shape.dims[0] != *count))
            return fail(err, STATUS_SHAPE, "%s has another batch than the inputs before it",
                        op_input_text(call, i, text));
        *count = input->shape.dims[0];
    }
    return *count > 0 ? STATUS_OK : fail(err, STATUS_UNSUPPORTED, "the batch is empty");
}

/* Inputs lose their first dimension; what subgraphs read besides stays. */
static status describe(struct member *member, const struct op_call *call, struct error *err) {
    for (int i = 0; i < call->node->input_count; i++) {
        member->input_list[i] = call->inputs[i];
        if (i >= call->input_count || !call->inputs[i])
            continue;
        struct shape shape = call->inputs[i]->shape;
        if (dtype_size(call->inputs[i]->dtype) == 0)
            return fail(err, STATUS_UNSUPPORTED, "elements of type %s are not cut apart",
                        dtype_name(call->inputs[i]->dtype));
        shape.rank--;
        for (int d = 0; d < shape.rank; d++)
            shape.dims[d] = shape.dims[d + 1];
        if (tensor_describe(&member->inputs[i], call->inputs[i]->dtype, &shape, err) != STATUS_OK)
            return err->code;
        member->input_list[i] = &member->inputs[i];
    }
    for (int i = 0; i < call->output_count; i++) {
        member->output_list[i] = call->outputs[i] ? &member->outputs[i] : NULL;
        member->stacks[i] = (struct stack){.total = member->count, .exact = true};
    }
    member->step.call.inputs = member->input_list;
    member->step.call.outputs = member->output_list;
    return STATUS_OK;
}

static void drop_outputs(struct member *member, struct plan *plan) {
    for (int i = 0; i < member->step.call.output_count; i++) {
        struct tensor *output = &member->outputs[i];
        if (output->data)
            plan_take_bytes(plan, output->bytes);
        tensor_free(output);
        *output = (struct tensor){0};
    }
}

static status run_member(struct member *member, struct plan *plan, const struct op_call *call, int64_t number,
                         struct error *err) {
    for (int i = 0; i < call->input_count; i++)
        if (call->inputs[i])
            member->inputs[i].data = (char *)call->inputs[i]->data + (size_t)number * member->inputs[i].bytes;
    status code = execution_do(plan, &member->step, err);
    for (int i = 0; code == STATUS_OK && i < call->output_count; i++)
        if (call->outputs[i])
            code = stack_push(&member->stacks[i], plan, &member->outputs[i], err);
    drop_outputs(member, plan);
    return code == STATUS_OK ? code : fail_prefix(err, "batch %lld", (long long)number);
}

static status put_together(struct member *member, struct plan *plan, const struct op_call *call, struct error *err) {
    for (int i = 0; i < call->output_count; i++) {
        struct stack *stack = &member->stacks[i];
        if (!call->outputs[i])
            continue;
        if (stack_describe(stack, stack->count, call->outputs[i], err) != STATUS_OK)
            return err->code;
        held_give(&stack->memory, plan, call->outputs[i], call->outputs[i]->bytes);
    }
    return STATUS_OK;
}

static status run_all(struct member *member, struct plan *plan, const struct op_call *call, struct error *err) {
    status code = count_members(call, &member->count, err);
    if (code == STATUS_OK)
        code = describe(member, call, err);
    for (int64_t i = 0; code == STATUS_OK && i < member->count; i++)
        code = run_member(member, plan, call, i, err);
    return code == STATUS_OK ? put_together(member, plan, call, err) : code;
}

status plan_batch_run(struct plan *plan, struct plan_step *step, struct error *err) {
    struct member member = {.step = *step};
    struct pool *pool = pool_create();
    status code = pool ? allocate(&member, &step->call, pool, err) : fail_memory(err, "a batch");
    if (code == STATUS_OK)
        code = run_all(&member, plan, &step->call, err);
    for (int i = 0; member.stacks && i < step->call.output_count; i++)
        held_free(&member.stacks[i].memory, plan);
    pool_destroy(pool);
    return code;
}
