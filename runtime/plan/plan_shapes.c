#include "runtime/plan/plan_shapes.h"

#include "ops/core/op_facts.h"
#include "ops/core/op_infer.h"
#include "ops/evaluate.h"
#include "ops/weights/weight_cache.h"
#include "runtime/plan/plan_control.h"

#include <string.h>

#define TEAM_MACS 1e6
#define TEAM_BYTES ((size_t)1 << 18)

static status set_inputs(struct plan *plan, const int *port_values, struct error *err) {
    for (int i = 0; i < plan->port_count; i++) {
        const struct port_request *request = &plan->ports[i];
        struct plan_value *value = &plan->values[port_values[i]];
        if (!request->given)
            continue;
        if (tensor_describe(&value->tensor, request->dtype, &request->shape, err) != STATUS_OK)
            return fail_prefix(err, "input \"%s\"", plan->program->graph->values[port_values[i]].name);
        value->tensor.data = (void *)request->known;
        value->place = PLACE_INPUT;
        value->port = i;
    }
    return STATUS_OK;
}

void plan_set_constants(struct plan *plan) {
    const struct graph *graph = plan->program->graph;
    for (int i = 0; i < graph->value_count; i++) {
        struct plan_value *value = &plan->values[i];
        if (value->place == PLACE_INPUT || !graph->values[i].initializer)
            continue;
        value->tensor = *graph->values[i].initializer;
        value->tensor.constant = true;
        value->place = PLACE_CONSTANT;
    }
}

static void copy_bytes(void *destination, const struct tensor *source, const void *context) {
    (void)context;
    memcpy(destination, source->data, source->bytes);
}

#define COPIED_BYTES ((size_t)64 << 10)

/*
 * Operators read aligned elements, but for weights that they pack; the aligned copy is made once per model. So is one
 * of small constants in a file: a page that is read for them may bring megabytes of packed weights along.
 */
static status align_constant(struct plan *plan, struct plan_value *value, unsigned flags, struct error *err) {
    if (value->place != PLACE_CONSTANT || (flags & (ARG_PACKED | ARG_UNREAD)) || !value->tensor.data ||
        (tensor_aligned(&value->tensor) && !(value->tensor.mapped && value->tensor.bytes <= COPIED_BYTES)))
        return STATUS_OK;
    const struct packing copy = {.name = "aligned copy", .bytes = value->tensor.bytes, .pack = copy_bytes};
    const void *data = weight_cache_get(plan->settings.weights, &value->tensor, &copy);
    if (!data)
        return fail_memory(err, "an aligned constant");
    value->tensor.data = (void *)data;
    value->tensor.mapped = false;
    return STATUS_OK;
}

static unsigned input_flags(const struct op *op, int i) {
    const struct op_arg *argument = op_argument(op->inputs, i);
    return argument ? argument->flags : 0;
}

/* An output that nobody reads and that the operator may leave out. */
static bool is_unwanted(const struct plan *plan, const struct node *node, const struct op *op, int i) {
    if (node->outputs[i] == NO_VALUE)
        return true;
    const struct op_arg *argument = op_argument(op->outputs, i);
    return argument && (argument->flags & ARG_OPTIONAL) && plan->values[node->outputs[i]].last_use < 0;
}

/* A constant that subgraphs read is theirs: they make it ready. */
static bool is_taken_over(const struct plan *plan, const struct node *node, int i) {
    return i >= node_arguments(node) && program_constant(plan->program, node->inputs[i]);
}

status plan_make_call(struct plan *plan, struct plan_step *step, struct error *err) {
    const struct node *node = &plan->program->graph->nodes[step->node];
    const struct op *op = step->bound->op;
    const struct tensor **inputs = pool_array(plan->pool, (size_t)node->input_count + 1, sizeof *inputs);
    struct tensor **outputs = pool_array(plan->pool, (size_t)node->output_count + 1, sizeof *outputs);
    void *state = pool_alloc(plan->pool, op->state_size + 1);
    if (!inputs || !outputs || !state)
        return fail_memory(err, "the plan");
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == NO_VALUE)
            continue;
        struct plan_value *value = &plan->values[node->inputs[i]];
        inputs[i] = &value->tensor;
        if (is_taken_over(plan, node, i))
            continue;
        const status code = align_constant(plan, value, input_flags(op, i), err);
        if (code != STATUS_OK)
            return code;
    }
    for (int i = 0; i < node->output_count; i++)
        outputs[i] = is_unwanted(plan, node, op, i) ? NULL : &plan->values[node->outputs[i]].tensor;
    step->call = (struct op_call){.op = op,
                                  .node = node,
                                  .opset = step->bound->opset,
                                  .params = step->bound->params,
                                  .input_count = node_arguments(node),
                                  .output_count = node->output_count,
                                  .inputs = inputs,
                                  .outputs = outputs,
                                  .state = state,
                                  .kernels = plan->settings.kernels,
                                  .threads = plan->settings.threads,
                                  .weights = plan->settings.weights,
                                  .heap = plan->settings.heap,
                                  .images = plan->settings.images};
    return STATUS_OK;
}

static bool reads_dynamic(const struct plan *plan, const struct node *node) {
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_VALUE && plan->values[node->inputs[i]].place == PLACE_DYNAMIC)
            return true;
    return false;
}

static bool inputs_known(const struct op_call *call) {
    for (int i = 0; i < call->input_count; i++)
        if (op_unknown(call, i) && !(input_flags(call->op, i) & ARG_UNREAD))
            return false;
    return true;
}

static bool outputs_small(const struct op_call *call) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i] && tensor_elements(call->outputs[i]) > KNOWN_ELEMENTS)
            return false;
    return true;
}

/* Boxes live from their step to their last reader. */
static bool makes_boxes(const struct op_call *call) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i] && dtype_is_boxed(call->outputs[i]->dtype))
            return true;
    return false;
}

/* Characters of strings live as long as a run. */
static bool makes_strings(const struct op_call *call) {
    for (int i = 0; i < call->output_count; i++)
        if (call->outputs[i] && call->outputs[i]->dtype == DTYPE_STRING)
            return true;
    return false;
}

static bool is_computed_now(const struct op_call *call) {
    return inputs_known(call) && outputs_small(call) && !makes_strings(call) && !op_facts(call->op)->varies;
}

static void place_outputs(struct plan *plan, const struct plan_step *step, enum value_place place) {
    const struct node *node = step->call.node;
    for (int i = 0; i < node->output_count; i++) {
        if (!step->call.outputs[i])
            continue;
        struct plan_value *value = &plan->values[node->outputs[i]];
        value->place = place;
        value->owned = place == PLACE_KNOWN;
    }
}

/* A team costs some microseconds to wake: a step with less to do than that runs alone. Never changes a bit. */
static int threads_for(const struct plan *plan, const struct plan_step *step) {
    size_t bytes = 0;
    for (int i = 0; i < step->call.input_count; i++)
        if (step->call.inputs[i])
            bytes = step->call.inputs[i]->bytes > bytes ? step->call.inputs[i]->bytes : bytes;
    for (int i = 0; i < step->call.output_count; i++)
        if (step->call.outputs[i])
            bytes = step->call.outputs[i]->bytes > bytes ? step->call.outputs[i]->bytes : bytes;
    return step->macs < TEAM_MACS && bytes < TEAM_BYTES ? 1 : plan->settings.threads;
}

status plan_compute_now(struct plan *plan, struct plan_step *step, struct error *err) {
    step->call.threads = 1; /* small values: no work for a team */
    const status code = op_compute(&step->call, plan->settings.tensor_bytes, err);
    if (code == STATUS_OK)
        place_outputs(plan, step, PLACE_KNOWN);
    return code;
}

static status prepare(struct plan *plan, struct plan_step *step, struct error *err) {
    place_outputs(plan, step, PLACE_ARENA);
    step->macs = step->control ? step->control->macs : step->call.op->macs ? step->call.op->macs(&step->call) : 0;
    plan->macs += step->macs;
    plan->step_count++;
    step->call.threads = threads_for(plan, step);
    if (step->call.threads > plan->threads)
        plan->threads = step->call.threads;
    if (!step->call.op->prepare || plan->settings.shapes_only)
        return STATUS_OK;
    step->prepared = true;
    return step->call.op->prepare(&step->call, &step->workspace_bytes, err);
}

static status plan_dynamic(struct plan *plan, struct plan_step *step) {
    const struct node *node = step->call.node;
    for (int i = 0; i < node->output_count; i++)
        if (step->call.outputs[i])
            *step->call.outputs[i] = (struct tensor){0};
    step->dynamic = true;
    plan->threads = plan->settings.threads;
    place_outputs(plan, step, PLACE_DYNAMIC);
    plan->step_count++;
    return STATUS_OK;
}

/* A step with subgraphs: run at once, with a fixed plan, or dynamic. */
static status plan_control(struct plan *plan, struct plan_step *step, struct error *err) {
    status code = plan_control_compute(plan, step, err);
    if (code == STATUS_OK)
        place_outputs(plan, step, PLACE_KNOWN);
    if (code != STATUS_NEEDS_VALUE)
        return code;
    code = plan_control_infer(plan, step, err);
    if (code == STATUS_NEEDS_VALUE)
        return plan_dynamic(plan, step);
    if (code == STATUS_OK)
        code = plan_check_outputs(plan, &step->call, err);
    return code == STATUS_OK ? prepare(plan, step, err) : code;
}

static status plan_node(struct plan *plan, struct plan_step *step, struct error *err) {
    if (plan_check_cancelled(plan, err) != STATUS_OK || plan_make_call(plan, step, err) != STATUS_OK ||
        plan_control_create(plan, step, err) != STATUS_OK)
        return err->code;
    if (reads_dynamic(plan, step->call.node))
        return plan_dynamic(plan, step);
    status code = op_infer(&step->call, err);
    if (code == STATUS_NEEDS_VALUE && step->control)
        return plan_control(plan, step, err);
    if (code == STATUS_NEEDS_VALUE || (code == STATUS_OK && makes_boxes(&step->call)))
        return plan_dynamic(plan, step);
    if (code != STATUS_OK)
        return code;
    if (plan_check_outputs(plan, &step->call, err) != STATUS_OK)
        return err->code;
    if (is_computed_now(&step->call))
        return plan_compute_now(plan, step, err);
    return prepare(plan, step, err);
}

/* Marks what is read at all: last_use is -1 for the rest until the second stage sets the true steps. */
static void mark_read(struct plan *plan) {
    const struct graph *graph = plan->program->graph;
    for (int i = 0; i < plan->value_count; i++)
        plan->values[i].last_use = -1;
    for (int i = 0; i < graph->node_count; i++)
        for (int k = 0; k < graph->nodes[i].input_count; k++)
            if (graph->nodes[i].inputs[k] != NO_VALUE)
                plan->values[graph->nodes[i].inputs[k]].last_use = 0;
    for (int i = 0; i < graph->output_count; i++)
        plan->values[graph->outputs[i]].last_use = 0;
}

/* Without this, a name that nothing makes would be read as a tensor without type. */
static status check_made(const struct plan *plan, int index, struct error *err) {
    const struct node *node = &plan->program->graph->nodes[index];
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != NO_VALUE && plan->values[node->inputs[i]].place == PLACE_NONE)
            return fail(err, STATUS_INVALID_MODEL, "input %d is \"%s\", which has no value", i,
                        plan->program->graph->values[node->inputs[i]].name);
    return STATUS_OK;
}

/* ---- steps that nobody needs ---- */

/* The step makes something that is marked as read; then its own inputs are marked, too. */
static bool is_needed(struct plan *plan, const struct plan_step *step) {
    const struct node *node = step->call.node;
    bool needed = false;
    for (int i = 0; i < node->output_count; i++)
        needed |= step->call.outputs[i] && plan->values[node->outputs[i]].last_use >= 0;
    for (int i = 0; needed && i < node->input_count; i++)
        if (node->inputs[i] != NO_VALUE)
            plan->values[node->inputs[i]].last_use = 0;
    return needed;
}

static void drop_step(struct plan *plan, struct plan_step *step) {
    if (step->prepared && step->call.op->release)
        step->call.op->release(&step->call);
    plan->macs -= step->macs;
    for (int i = 0; i < step->call.output_count; i++)
        if (step->call.outputs[i])
            plan->values[step->call.node->outputs[i]].place = PLACE_NONE;
}

/* Steps whose outputs served shapes alone, which are all computed by now. From the last to the first. */
static status drop_unread(struct plan *plan, struct error *err) {
    bool *needed = pool_array(plan->pool, (size_t)plan->step_count + 1, sizeof *needed);
    if (!needed)
        return fail_memory(err, "the plan");
    for (int i = 0; i < plan->value_count; i++)
        plan->values[i].last_use = -1;
    for (int i = 0; i < plan->program->graph->output_count; i++)
        plan->values[plan->program->graph->outputs[i]].last_use = 0;
    for (int s = plan->step_count - 1; s >= 0; s--)
        needed[s] = is_needed(plan, &plan->steps[s]);
    int kept = 0;
    for (int s = 0; s < plan->step_count; s++)
        if (needed[s])
            plan->steps[kept++] = plan->steps[s];
        else
            drop_step(plan, &plan->steps[s]);
    plan->step_count = kept;
    return STATUS_OK;
}

status plan_shapes(struct plan *plan, const int *port_values, struct error *err) {
    const struct graph *graph = plan->program->graph;
    plan->values = pool_array(plan->pool, (size_t)graph->value_count + 1, sizeof *plan->values);
    plan->steps = pool_array(plan->pool, (size_t)graph->node_count + 1, sizeof *plan->steps);
    if (!plan->values || !plan->steps)
        return fail_memory(err, "the plan");
    plan->value_count = graph->value_count;
    mark_read(plan);
    if (set_inputs(plan, port_values, err) != STATUS_OK)
        return err->code;
    plan_set_constants(plan);
    for (int i = 0; i < graph->node_count; i++) {
        struct plan_step *step = &plan->steps[plan->step_count];
        *step = (struct plan_step){.node = i, .bound = &plan->program->nodes[i], .workspace = -1, .freed = -1};
        status code = check_made(plan, i, err);
        if (code == STATUS_OK)
            code = plan_node(plan, step, err);
        if (code != STATUS_OK)
            return fail_prefix(err, "%s", plan->program->nodes[i].label);
    }
    return drop_unread(plan, err);
}
