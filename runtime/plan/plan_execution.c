#include "runtime/plan/plan_execution.h"

#include "ops/core/op_facts.h"
#include "runtime/plan/plan_body.h"
#include "runtime/plan/plan_collect.h"
#include "runtime/plan/plan_run.h"

#include <string.h>

static bool is_loop(const struct op_mapping *mapping) {
    return mapping->counts || mapping->sliced > 0;
}

struct tensor *execution_output(const struct execution *e, int i) {
    return op_output(&e->step->call, i);
}

/* ---- what an iteration is given ---- */

static struct op_slicing slicing_of(const struct op_slicing *list, int i) {
    return list ? list[i] : (struct op_slicing){0};
}

/* start() has checked it. */
static int slice_axis(const struct execution *e, int i, const struct tensor *whole) {
    const int axis = slicing_of(e->mapping->slices, i).axis;
    return axis < 0 ? axis + whole->shape.rank : axis;
}

static const struct tensor *sliced_input(const struct execution *e, int i) {
    return e->step->call.inputs[e->mapping->first + e->mapping->carried + i];
}

static void request(struct port_request *port, const struct tensor *tensor) {
    *port = (struct port_request){.given = true, .dtype = tensor->dtype, .shape = tensor->shape};
}

/* A number or a condition: a scalar, or a list of one where the subgraph declares that. */
static void request_number(const struct execution *e, int port, enum dtype dtype, const void *data) {
    const struct value *value = &e->body->program->graph->values[e->body->port_values[port]];
    e->ports[port] = (struct port_request){.given = true, .dtype = dtype};
    if (value->type.rank == 1)
        e->ports[port].shape = (struct shape){.rank = 1, .dims = {1}};
    e->data[port] = data;
}

/* The item of a sequence that iteration `number` is given; NULL where the input is given whole. */
static struct box *const *item_of(const struct tensor *input, int64_t number) {
    return input->dtype == DTYPE_SEQUENCE ? &tensor_box(input)->items[number] : NULL;
}

static void request_item(const struct execution *e, int port, int i) {
    struct box *const *item = item_of(sliced_input(e, i), e->number);
    request(&e->ports[port], item ? &(*item)->tensor : sliced_input(e, i));
}

static void request_slice(const struct execution *e, int port, int i) {
    const struct tensor *whole = sliced_input(e, i);
    const int axis = slice_axis(e, i, whole), rank = whole->shape.rank;
    struct shape *shape = &e->ports[port].shape;
    request(&e->ports[port], whole);
    shape->rank = rank - 1;
    memmove(&shape->dims[axis], &shape->dims[axis + 1], (size_t)(rank - 1 - axis) * sizeof shape->dims[0]);
}

static void request_iteration(const struct execution *e) {
    int port = 0;
    if (e->mapping->counts) {
        request_number(e, port++, DTYPE_INT64, &e->number);
        request_number(e, port++, DTYPE_BOOL, &e->goes);
    }
    for (int i = 0; i < e->mapping->carried; i++)
        request(&e->ports[port++], &e->latest[i].tensor);
    for (int i = 0; i < e->mapping->sliced; i++)
        (e->mapping->items ? request_item : request_slice)(e, port++, i);
}

/* The value is the same in every run of the plan. */
static bool is_known(const struct plan *plan, const struct plan_value *value) {
    return value->place == PLACE_KNOWN || value->place == PLACE_CONSTANT ||
           (value->place == PLACE_INPUT && plan->ports[value->port].known);
}

/* What the subgraph reads of the values around it. */
static void request_captured(const struct execution *e) {
    for (int port = e->body->given; port < e->body->port_count; port++) {
        const int input = e->body->port_inputs[port], value = e->step->call.node->inputs[input];
        const struct tensor *tensor = e->step->call.inputs[input];
        if (!tensor)
            continue;
        request(&e->ports[port], tensor);
        e->data[port] = tensor->data;
        if (is_known(e->plan, &e->plan->values[value]))
            e->ports[port].known = tensor->data;
    }
}

/* ---- beginning and end ---- */

static bool allocate(struct execution *e) {
    const struct op_mapping *mapping = e->mapping;
    const size_t ports = (size_t)e->body->port_count + 1;
    e->pool = pool_create();
    if (!e->pool)
        return false;
    e->ports = pool_array(e->pool, ports, sizeof *e->ports);
    e->data = pool_array(e->pool, ports, sizeof *e->data);
    e->latest = pool_array(e->pool, (size_t)mapping->latest + 1, sizeof *e->latest);
    e->slices = pool_array(e->pool, (size_t)mapping->sliced + 1, sizeof *e->slices);
    e->stacks = pool_array(e->pool, (size_t)mapping->stacked + 1, sizeof *e->stacks);
    e->sequences = pool_array(e->pool, (size_t)mapping->stacked + 1, sizeof *e->sequences);
    return e->ports && e->data && e->latest && e->slices && e->stacks && e->sequences;
}

/* Where outputs have their memory already, it serves from the first iteration on. */
static void start_outputs(struct execution *e) {
    const struct op_mapping *mapping = e->mapping;
    const bool fixed = !e->step->dynamic;
    for (int i = 0; i < mapping->carried; i++)
        e->latest[i].tensor = *e->step->call.inputs[mapping->first + i];
    for (int i = 0; i < mapping->latest; i++)
        if (fixed && execution_output(e, i))
            e->latest[i].held =
                (struct held){.data = execution_output(e, i)->data, .bytes = execution_output(e, i)->bytes};
    for (int i = 0; i < mapping->stacked; i++) {
        struct tensor *output = execution_output(e, mapping->latest + i);
        e->stacks[i] = (struct stack){
            .slicing = slicing_of(mapping->stacks, i), .total = e->schedule.trips, .exact = !mapping->counts};
        if (fixed && output)
            e->stacks[i].memory = (struct held){.data = output->data, .bytes = output->bytes};
    }
}

status execution_open(struct execution *e, struct plan *plan, struct plan_step *step, struct error *err) {
    *e = (struct execution){.plan = plan, .step = step, .mapping = &step->control->mapping};
    const status code = op_facts(step->call.op)->control->start(&step->call, &e->schedule, err);
    if (code != STATUS_OK && (code != STATUS_NEEDS_VALUE || e->schedule.body < 0))
        return code;
    e->body = &step->bound->bodies[e->schedule.body];
    e->goes = e->schedule.goes;
    if (!allocate(e))
        return fail_memory(err, "a subgraph");
    start_outputs(e);
    request_captured(e);
    return code;
}

void execution_close(struct execution *e) {
    for (int i = 0; e->latest && i < e->mapping->latest; i++)
        held_free(&e->latest[i].held, e->plan);
    for (int i = 0; e->slices && i < e->mapping->sliced; i++)
        held_free(&e->slices[i], e->plan);
    for (int i = 0; e->stacks && i < e->mapping->stacked; i++)
        held_free(&e->stacks[i].memory, e->plan);
    for (int i = 0; e->sequences && i < e->mapping->stacked; i++)
        box_drop(e->sequences[i]);
    if (e->child)
        plan_drop_dynamic(e->child);
    pool_destroy(e->pool);
}

const struct plan_value *execution_result(const struct plan *child, int i) {
    return &child->values[child->outputs[i].value];
}

status execution_plan(struct execution *e, struct plan **child, struct error *err) {
    request_iteration(e);
    const status code = plan_body_get(e->plan, e->step, e->schedule.body, e->ports, child, err);
    return code == STATUS_OK || code == STATUS_NO_MEMORY || code == STATUS_CANCELLED ? code : STATUS_NEEDS_VALUE;
}

/* ---- running ---- */

static status slice(struct execution *e, int port, int i, int64_t number, struct error *err) {
    const struct tensor *whole = sliced_input(e, i);
    const int axis = slice_axis(e, i, whole);
    const int64_t count = whole->shape.dims[axis];
    const int64_t k = slicing_of(e->mapping->slices, i).backwards ? count - 1 - number : number;
    struct tensor piece;
    if (tensor_describe(&piece, e->ports[port].dtype, &e->ports[port].shape, err) != STATUS_OK)
        return err->code;
    if (dtype_size(piece.dtype) == 0)
        return fail(err, STATUS_UNSUPPORTED, "elements of type %s are not cut apart", dtype_name(piece.dtype));
    e->data[port] = (const char *)whole->data + (size_t)k * piece.bytes;
    if (axis == 0 || piece.bytes == 0)
        return STATUS_OK;
    if (held_grow(&e->slices[i], e->plan, piece.bytes, 0, err) != STATUS_OK)
        return err->code;
    stack_cut(whole, axis, k, e->slices[i].data);
    e->data[port] = e->slices[i].data;
    return STATUS_OK;
}

static void give_item(struct execution *e, int port, int i) {
    struct box *const *item = item_of(sliced_input(e, i), e->number);
    e->data[port] = item ? (*item)->tensor.data : sliced_input(e, i)->data;
}

static status give_iteration(struct execution *e, int64_t number, struct error *err) {
    int port = e->mapping->counts ? 2 : 0;
    for (int i = 0; e->mapping->items && i < e->mapping->sliced; i++)
        give_item(e, i, i);
    if (e->mapping->items)
        return STATUS_OK;
    for (int i = 0; i < e->mapping->carried; i++)
        e->data[port++] = e->latest[i].tensor.data;
    for (int i = 0; i < e->mapping->sliced; i++)
        if (slice(e, port++, i, number, err) != STATUS_OK)
            return err->code;
    return STATUS_OK;
}

static void bind_ports(struct execution *e) {
    const int count = e->bound == e->child ? e->body->given : e->body->port_count;
    for (int port = 0; port < count; port++)
        if (e->ports[port].given)
            plan_bind_input(e->child, port, e->data[port] ? e->data[port] : plan_nothing());
    e->bound = e->child;
}

static status choose_plan(struct execution *e, struct error *err) {
    struct plan *before = e->child;
    if (e->step->control->fixed) {
        e->child = e->step->control->fixed;
        return STATUS_OK;
    }
    if (before)
        plan_drop_dynamic(before);
    e->child = NULL; /* it may be the one that goes */
    if (plan_body_get(e->plan, e->step, e->schedule.body, e->ports, &e->child, err) != STATUS_OK)
        return err->code;
    if (e->child->runs == 0)
        e->bound = NULL;
    return STATUS_OK;
}

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

static status take_outputs(struct execution *e, struct error *err) {
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

static status count_iteration(const struct execution *e, struct error *err) {
    struct run_watch *watch = e->plan->settings.watch;
    if (!watch || !is_loop(e->mapping) || ++watch->iterations <= watch->most_iterations)
        return STATUS_OK;
    return fail(err, STATUS_LIMIT, "the loops of this run go beyond %llu iterations (limit loop_iterations)",
                (unsigned long long)watch->most_iterations);
}

static status run_iteration(struct execution *e, int64_t number, struct error *err) {
    e->number = number;
    request_iteration(e);
    if (plan_check_cancelled(e->plan, err) != STATUS_OK || count_iteration(e, err) != STATUS_OK ||
        give_iteration(e, number, err) != STATUS_OK || choose_plan(e, err) != STATUS_OK ||
        plan_body_bind(e->plan, e->step, e->child, err) != STATUS_OK)
        return err->code;
    bind_ports(e);
    return plan_run(e->child, err) == STATUS_OK ? take_outputs(e, err) : err->code;
}

static status run_iterations(struct execution *e, struct error *err) {
    for (int64_t i = 0; i < e->schedule.trips && e->goes; i++)
        if (run_iteration(e, i, err) != STATUS_OK)
            return is_loop(e->mapping) ? fail_prefix(err, "iteration %lld", (long long)i)
                                       : fail_prefix(err, "%s", e->body->name);
    return STATUS_OK;
}

/* ---- the outputs of the step ---- */

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

static status finish(struct execution *e, struct error *err) {
    status code = STATUS_OK;
    for (int i = 0; code == STATUS_OK && i < e->mapping->latest; i++)
        code = finish_latest(e, i, err);
    for (int i = 0; code == STATUS_OK && i < e->mapping->stacked; i++)
        code = (e->mapping->items ? finish_sequence : finish_stack)(e, i, err);
    return code;
}

static status run_all(struct execution *e, struct error *err) {
    const status code = run_iterations(e, err);
    return code == STATUS_OK ? finish(e, err) : code;
}

status execution_do(struct plan *plan, struct plan_step *step, struct error *err) {
    struct execution e;
    status code = execution_open(&e, plan, step, err);
    if (code == STATUS_NEEDS_VALUE)
        code = fail(err, STATUS_UNSUPPORTED, "what decides over the subgraphs cannot be told");
    if (code == STATUS_OK)
        code = run_all(&e, err);
    execution_close(&e);
    return code;
}
