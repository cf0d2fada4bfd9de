#include "runtime/plan/plan_iteration.h"

#include "runtime/plan/plan_body.h"

#include <string.h>

struct tensor *execution_output(const struct execution *e, int i) {
    return op_output(&e->step->call, i);
}

/* ---- what it is asked for ---- */

static struct op_slicing slicing_of(const struct execution *e, int i) {
    return e->mapping->slices ? e->mapping->slices[i] : (struct op_slicing){0};
}

/* start() has checked it. */
static int slice_axis(const struct execution *e, int i, const struct tensor *whole) {
    const int axis = slicing_of(e, i).axis;
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

void execution_request(const struct execution *e) {
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

void execution_request_captured(const struct execution *e) {
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

/* ---- what it is given ---- */

static status slice(struct execution *e, int port, int i, int64_t number, struct error *err) {
    const struct tensor *whole = sliced_input(e, i);
    const int axis = slice_axis(e, i, whole);
    const int64_t count = whole->shape.dims[axis];
    const int64_t k = slicing_of(e, i).backwards ? count - 1 - number : number;
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

status execution_give(struct execution *e, int64_t number, struct error *err) {
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

/* ---- its plan ---- */

const struct plan_value *execution_result(const struct plan *child, int i) {
    return &child->values[child->outputs[i].value];
}

status execution_plan(struct execution *e, struct plan **child, struct error *err) {
    execution_request(e);
    const status code = plan_body_get(e->plan, e->step, e->schedule.body, e->ports, child, err);
    return code == STATUS_OK || code == STATUS_NO_MEMORY || code == STATUS_CANCELLED ? code : STATUS_NEEDS_VALUE;
}
