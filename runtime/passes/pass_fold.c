#include "runtime/passes/pass_fold.h"

#include "base/checked.h"
#include "ops/core/attributes.h"
#include "ops/core/op_infer.h"
#include "ops/evaluate.h"
#include "ops/registry.h"
#include "runtime/passes/pass.h"

#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES ((size_t)64 << 10) /* any result up to here is folded */
#define LEAST_BUDGET ((size_t)64 << 20)
#define WIDE_BUDGET ((size_t)512 << 20) /* in all, for numbers that become wider, as quantized weights do */
#define MACS_BUDGET 4e9

struct folding {
    struct pass_context *context;
    size_t bytes_left, wide_left;
    size_t **budgets; /* by value: which of the two its memory was taken from; NULL: neither */
    double macs_left;
};

/* One node being folded: its inputs, aligned; its outputs. */
struct fold {
    struct node *node;
    const struct op *op;
    int opset;
    struct pool *aligned; /* copies of misaligned inputs */
    const struct tensor **inputs;
    struct tensor *results;
    struct tensor **outputs;
    size_t input_bytes, output_bytes;
    double input_elements, output_elements, macs;
};

static bool is_foldable(const struct pass_context *context, const struct node *node) {
    if (pass_facts(context, node)->varies || node->output_count == 0)
        return false;
    for (int i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].type == ATTRIBUTE_GRAPH || node->attributes[i].type == ATTRIBUTE_GRAPHS)
            return false;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_VALUE && !program_constant(context->program, node->inputs[i]))
            return false;
    return true;
}

static bool fold_start(struct fold *fold, const struct pass_context *context, struct node *node) {
    struct pool *pool = context->scratch;
    const size_t inputs = (size_t)node->input_count + 1, outputs = (size_t)node->output_count + 1;
    *fold = (struct fold){.node = node, .opset = program_opset(context->program->source, node)};
    fold->op = op_find(node->domain, node->op_type, fold->opset);
    fold->inputs = pool_array(pool, inputs, sizeof *fold->inputs);
    fold->results = pool_array(pool, outputs, sizeof *fold->results);
    fold->outputs = pool_array(pool, outputs, sizeof *fold->outputs);
    if (!fold->inputs || !fold->results || !fold->outputs)
        return false;
    for (int i = 0; i < node->input_count; i++)
        fold->inputs[i] = program_constant(context->program, node->inputs[i]);
    for (int i = 0; i < node->output_count; i++)
        fold->outputs[i] = node->outputs[i] == NO_VALUE ? NULL : &fold->results[i];
    return true;
}

static bool fold_align(struct fold *fold) {
    fold->aligned = pool_create();
    for (int i = 0; fold->aligned && i < fold->node->input_count; i++)
        if (fold->inputs[i] && !(fold->inputs[i] = tensor_align(fold->inputs[i], fold->aligned)))
            return false;
    return fold->aligned != NULL;
}

static void fold_end(struct fold *fold) {
    pool_destroy(fold->aligned);
}

static bool add_sizes(const struct tensor *const *tensors, int count, size_t *bytes, double *elements) {
    for (int i = 0; i < count; i++) {
        if (!tensors[i])
            continue;
        if (!size_add(*bytes, tensors[i]->bytes, bytes))
            return false;
        *elements += (double)tensor_elements(tensors[i]);
    }
    return true;
}

/* Output types and shapes, and what they will cost. False when the node cannot be judged: the plan will say why. */
static bool fold_describe(struct fold *fold, const struct pass_context *context, struct error *ignored) {
    void *params = pass_scratch(context, fold->op->params_size + 1, 1);
    struct op_call call = {.op = fold->op,
                           .node = fold->node,
                           .opset = fold->opset,
                           .params = params,
                           .input_count = fold->node->input_count,
                           .output_count = fold->node->output_count,
                           .inputs = fold->inputs,
                           .outputs = fold->outputs,
                           .kernels = context->kernels,
                           .threads = context->threads};
    if (!params || op_parse(&call, params, ignored) != STATUS_OK || op_infer(&call, ignored) != STATUS_OK) {
        *context->starved |= ignored->code == STATUS_NO_MEMORY;
        return false;
    }
    const struct tensor *const *outputs = (const struct tensor *const *)fold->outputs;
    if (!add_sizes(fold->inputs, call.input_count, &fold->input_bytes, &fold->input_elements) ||
        !add_sizes(outputs, call.output_count, &fold->output_bytes, &fold->output_elements))
        return false;
    fold->macs = fold->op->macs ? fold->op->macs(&call) : 0;
    return true;
}

/* As many numbers, of a wider type: weights that are known can be packed. */
static bool is_wider(const struct fold *fold, const struct folding *folding) {
    return fold->output_elements / 2 <= fold->input_elements && fold->output_bytes > fold->input_bytes &&
           fold->output_bytes <= folding->wide_left;
}

static bool fold_is_worth(const struct fold *fold, const struct folding *folding) {
    const bool small = fold->output_bytes <= SMALL_BYTES;
    const bool shrinking = fold->output_bytes / 2 <= fold->input_bytes;
    const bool fits = ((small || shrinking) && fold->output_bytes <= folding->bytes_left) || is_wider(fold, folding);
    return fits && fold->output_bytes <= folding->context->tensor_bytes && fold->macs <= folding->macs_left;
}

/* An input has one reader less; with the last one its memory is given back to the budget that it came from. */
static void leave_inputs(struct folding *folding, struct node *node) {
    struct pass_context *context = folding->context;
    for (int i = 0; i < node->input_count; i++) {
        const int value = node->inputs[i];
        if (value == NO_VALUE || --context->readers[value] > 0)
            continue;
        if (folding->budgets[value])
            *folding->budgets[value] += context->graph->values[value].initializer->bytes;
        program_drop_constant(context->program, value);
    }
    node->input_count = 0;
    node->output_count = 0;
}

/* The node is a tensor of the model: it stays where the file has it. */
static status fold_constant(struct folding *folding, struct node *node, bool *done, struct error *err) {
    const struct op_facts *facts = pass_facts(folding->context, node);
    const struct op_call *call =
        facts->constant && node->outputs[0] != NO_VALUE ? pass_call(folding->context, node) : NULL;
    const struct tensor *tensor = call ? facts->constant(call) : NULL;
    *done = tensor != NULL;
    if (!tensor)
        return STATUS_OK;
    const int output = node->outputs[0];
    node->output_count = 0;
    return program_set_constant(folding->context->program, output, tensor, NULL, err);
}

/* Another shape for the same bytes: a view, when nobody else looks at them in the old shape. */
static status fold_view(struct folding *folding, struct fold *fold, bool *done, struct error *err) {
    struct pass_context *context = folding->context;
    const int input = pass_input(fold->node, 0), output = fold->node->outputs[0];
    const struct tensor *source = program_constant(context->program, input);
    *done = fold->op->storage == STORAGE_ALIAS && fold->node->output_count == 1 && output != NO_VALUE && source &&
            source->dtype == fold->results[0].dtype && source->bytes == fold->results[0].bytes &&
            context->readers[input] == 1;
    if (!*done)
        return STATUS_OK;
    struct tensor view = *source;
    view.shape = fold->results[0].shape;
    struct program_block *block = input < context->program->block_capacity ? context->program->blocks[input] : NULL;
    if (program_set_constant(context->program, output, &view, block, err) != STATUS_OK)
        return err->code;
    folding->budgets[output] = folding->budgets[input];
    folding->budgets[input] = NULL;
    leave_inputs(folding, fold->node);
    return STATUS_OK;
}

static status keep_results(struct folding *folding, struct fold *fold, size_t *budget, struct error *err) {
    struct program *program = folding->context->program;
    status code = STATUS_OK;
    for (int i = 0; i < fold->node->output_count; i++) {
        if (!fold->outputs[i])
            continue;
        folding->budgets[fold->node->outputs[i]] = budget;
        struct program_block *block = program_block_create(program, fold->results[i].data);
        if (code == STATUS_OK)
            code = block ? program_set_constant(program, fold->node->outputs[i], &fold->results[i], block, err)
                         : fail_memory(err, "a folded constant");
        else if (block)
            free(block->data);
    }
    return code;
}

static status fold_compute(struct folding *folding, struct fold *fold, struct error *err) {
    const struct pass_context *context = folding->context;
    struct error ignored;
    size_t *budget = is_wider(fold, folding) ? &folding->wide_left : &folding->bytes_left;
    const status code = op_evaluate(fold->node, fold->opset, fold->inputs, fold->outputs, context->kernels,
                                    context->threads, *budget, &ignored);
    if (code == STATUS_NO_MEMORY)
        return fail_memory(err, "constant folding");
    if (code != STATUS_OK)
        return STATUS_OK; /* left as it is: running it will say what is wrong */
    *budget -= fold->output_bytes;
    folding->macs_left -= fold->macs;
    if (keep_results(folding, fold, budget, err) != STATUS_OK)
        return err->code;
    leave_inputs(folding, fold->node);
    return STATUS_OK;
}

static status fold_node(struct folding *folding, struct node *node, struct error *err) {
    struct fold fold;
    struct error ignored;
    ignored.code = STATUS_OK;
    bool done = false;
    status code = fold_constant(folding, node, &done, err);
    if (code != STATUS_OK || done)
        return code;
    if (!fold_start(&fold, folding->context, node))
        return fail_memory(err, "constant folding");
    if (!fold.op)
        return STATUS_OK;
    if (!fold_align(&fold))
        code = fail_memory(err, "constant folding");
    else if (fold_describe(&fold, folding->context, &ignored)) {
        code = fold_view(folding, &fold, &done, err);
        if (code == STATUS_OK && !done && fold_is_worth(&fold, folding))
            code = fold_compute(folding, &fold, err);
    }
    fold_end(&fold);
    return code;
}

status pass_fold(struct pass_context *context, struct error *err) {
    const size_t file = context->program->source->file_bytes;
    struct folding folding = {.context = context,
                              .bytes_left = file > LEAST_BUDGET / 2 ? file * 2 : LEAST_BUDGET,
                              .wide_left = WIDE_BUDGET,
                              .budgets = pass_scratch(context, (size_t)context->value_count + 1, sizeof(size_t *)),
                              .macs_left = MACS_BUDGET};
    if (!folding.budgets)
        return fail_memory(err, "constant folding");
    for (int i = 0; i < context->graph->node_count; i++) {
        if (!is_foldable(context, &context->graph->nodes[i]))
            continue;
        const status code = fold_node(&folding, &context->graph->nodes[i], err);
        if (code != STATUS_OK)
            return code;
    }
    return STATUS_OK;
}
