#include "runtime/plan/plan_results.h"

#include "runtime/plan/plan_collect.h"

#include <string.h>

/* ---- of an iteration ---- */

/* The heap's memory behind an output of the subgraph, which may be had for good; NULL where it is shared or no such. */
static struct plan_value *movable(const struct execution *e, int output) {
    struct plan_value *value = &e->child->values[e->child->outputs[output].value];
    for (int i = output + 1; i < e->child->output_count; i++)
        if (e->child->outputs[i].value == e->child->outputs[output].value)
            return NULL;
    return e->step->dynamic && value->place == PLACE_DYNAMIC && value->tensor.bytes > 0 ? value : NULL;
}

/* What the subgraph handed on as it got it stays where it is. */
static bool is_unchanged(const struct execution *e, int i) {
    const struct tensor *tensor = &e->child->outputs[e->mapping->counts + i].tensor;
    return i < e->mapping->carried && tensor->data == e->latest[i].tensor.data && tensor->bytes > 0;
}

static status take_latest(struct execution *e, int i, struct error *err) {
    struct latest *latest = &e->latest[i];
    const int output = e->mapping->counts + i;
    const struct tensor tensor = e->child->outputs[output].tensor;
    const bool boxed = dtype_is_boxed(tensor.dtype);
    struct plan_value *value = movable(e, output);
    status code;
    if (boxed || latest->held.boxed)
        held_free(&latest->held, e->plan); /* the child holds what it hands over */
    if (value) {
        value->tensor.data = NULL;
        plan_take_bytes(e->child, tensor.bytes);
        code = held_take(&latest->held, e->plan, tensor.data, tensor.bytes, err);
    } else {
        code = held_grow(&latest->held, e->plan, tensor.bytes, 0, err);
        if (code == STATUS_OK)
            tensor_copy(latest->held.data, &tensor);
    }
    latest->held.boxed = boxed && (value || code == STATUS_OK);
    latest->tensor = tensor;
    latest->tensor.data = latest->held.data;
    latest->tensor.constant = latest->tensor.mapped = false;
    return code;
}

static status take_condition(struct execution *e, struct error *err) {
    const struct tensor *tensor = &e->child->outputs[0].tensor;
    if (tensor->dtype != DTYPE_BOOL || tensor_elements(tensor) != 1)
        return fail(err, STATUS_INVALID_MODEL, "output 0, the condition, is no bool, or not one");
    e->goes = *(const unsigned char *)tensor->data != 0;
    return STATUS_OK;
}

/* One more item of an output that is a sequence. */
static status collect(struct execution *e, int i, const struct tensor *item, struct error *err) {
    const status code =
        e->sequences[i] ? STATUS_OK : collect_open(e->plan, DTYPE_UNDEFINED, e->schedule.trips, &e->sequences[i], err);
    return code == STATUS_OK ? collect_add(e->plan, e->sequences[i], item, err) : code;
}

static status take_stacked(struct execution *e, int i, const struct tensor *piece, struct error *err) {
    return e->mapping->items ? collect(e, i, piece, err) : stack_push(&e->stacks[i], e->plan, piece, err);
}

status execution_take(struct execution *e, struct error *err) {
    const struct op_mapping *mapping = e->mapping;
    if (mapping->counts && take_condition(e, err) != STATUS_OK)
        return err->code;
    for (int i = 0; i < mapping->stacked; i++) {
        const int k = mapping->latest + i;
        if (execution_output(e, k) &&
            take_stacked(e, i, &e->child->outputs[mapping->counts + k].tensor, err) != STATUS_OK)
            return fail_prefix(err, "output %d", k);
    }
    for (int i = 0; i < mapping->latest; i++)
        if ((i < mapping->carried || execution_output(e, i)) && !is_unchanged(e, i) &&
            take_latest(e, i, err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

/* ---- of the step ---- */

static status finish_latest(struct execution *e, int i, struct error *err) {
    struct latest *latest = &e->latest[i];
    struct tensor *output = execution_output(e, i);
    const struct tensor tensor = latest->tensor;
    if (!output)
        return STATUS_OK;
    if (!e->step->dynamic) {
        if (tensor.bytes > 0 && tensor.data != output->data)
            memcpy(output->data, tensor.data, tensor.bytes);
        return STATUS_OK;
    }
    if (!latest->held.owned) {
        if (held_grow(&latest->held, e->plan, tensor.bytes, 0, err) != STATUS_OK)
            return err->code;
        tensor_copy(latest->held.data, &tensor);
        latest->held.boxed = dtype_is_boxed(tensor.dtype);
    }
    *output = tensor;
    output->constant = output->mapped = false;
    held_give(&latest->held, e->plan, output, tensor.bytes);
    return STATUS_OK;
}

/* No iteration ran: what one would have made, else what the subgraph declares. */
static status describe_piece(struct execution *e, int output, struct tensor *piece, struct error *err) {
    const struct graph *graph = e->body->program->graph;
    const struct declared_type *type = &graph->values[graph->outputs[output]].type;
    struct plan *child = NULL;
    struct shape shape = {.rank = type->rank < 0 ? 0 : type->rank};
    status code = execution_plan(e, &child, err);
    if (code == STATUS_OK && execution_result(child, output)->place != PLACE_DYNAMIC) {
        *piece = execution_result(child, output)->tensor;
        return STATUS_OK;
    }
    if (code != STATUS_OK && code != STATUS_NEEDS_VALUE)
        return code;
    if (type->dtype == DTYPE_UNDEFINED)
        return fail(err, STATUS_UNSUPPORTED, "no iteration ran, and %s does not say what its output %d is",
                    e->body->name, output);
    for (int i = 0; i < shape.rank; i++)
        shape.dims[i] = type->dims[i].size < 0 ? 0 : type->dims[i].size;
    return tensor_describe(piece, type->dtype, &shape, err);
}

static status finish_stack(struct execution *e, int i, struct error *err) {
    struct stack *stack = &e->stacks[i];
    const int k = e->mapping->latest + i;
    struct tensor *output = execution_output(e, k);
    status code = STATUS_OK;
    if (!output || !e->step->dynamic)
        return STATUS_OK;
    if (stack->count == 0)
        code = describe_piece(e, e->mapping->counts + k, &stack->piece, err);
    if (code == STATUS_OK)
        code = stack_describe(stack, stack->count, output, err);
    if (code == STATUS_OK)
        code = held_grow(&stack->memory, e->plan, output->bytes, 0, err);
    if (code == STATUS_OK)
        held_give(&stack->memory, e->plan, output, output->bytes);
    return code;
}

/* Without an iteration the items are what the subgraph declares. */
static status finish_sequence(struct execution *e, int i, struct error *err) {
    const struct graph *graph = e->body->program->graph;
    struct tensor *output = execution_output(e, e->mapping->latest + i);
    if (!output)
        return STATUS_OK;
    if (!e->sequences[i] &&
        collect_open(e->plan, graph->values[graph->outputs[i]].type.dtype, 0, &e->sequences[i], err) != STATUS_OK)
        return err->code;
    return collect_give(e->plan, &e->sequences[i], output, err);
}

status execution_finish(struct execution *e, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < e->mapping->latest; i++)
        code = finish_latest(e, i, err);
    for (int i = 0; code == STATUS_OK && i < e->mapping->stacked; i++)
        code = (e->mapping->items ? finish_sequence : finish_stack)(e, i, err);
    return code;
}
