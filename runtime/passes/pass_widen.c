#include "runtime/passes/pass_widen.h"

#include "base/convert.h"
#include "base/small_types.h"
#include "ops/core/op_types.h"
#include "runtime/program/types.h"
#include "runtime/program/types_subgraph.h"

#include <string.h>

/* What there is of a value of a 16-bit or packed type. */
struct narrow_value {
    int wide;    /* the same as floats, or as bytes; or NO_VALUE */
    bool absent; /* the value itself is not made, or not yet */
};

struct widening {
    struct pass_context *context;
    struct types_scope scope; /* of the graph before the pass; value_count types */
    struct pass_nodes made;
    struct narrow_value *known; /* by value */
    int value_count;
};

static enum dtype type_of(const struct widening *w, int value) {
    return value == NO_VALUE || value >= w->value_count ? DTYPE_UNDEFINED : w->scope.types[value];
}

/* The type by which it is computed with, if it is not by its own. */
static enum dtype wide_type(enum dtype dtype) {
    return dtype_is_half(dtype) ? DTYPE_FLOAT : dtype_is_packed(dtype) ? DTYPE_UINT8 : DTYPE_UNDEFINED;
}

static bool is_narrow(const struct widening *w, int value) {
    return wide_type(type_of(w, value)) != DTYPE_UNDEFINED;
}

/* ---- from one to the other ---- */

static int new_value(struct widening *w, int like) {
    struct pool *pool = w->context->program->pool;
    const char *name = pool_format(pool, "%s widened", w->context->graph->values[like].name);
    return name ? graph_add_value(w->context->graph, pool, name) : NO_VALUE;
}

static struct node *turn(struct widening *w, const char *op_type, const char *name, int from, int to) {
    return pass_append_between(w->context, &w->made, op_type, name, from, to);
}

/* The value in its wide type; NO_VALUE without memory. */
static int wide_of(struct widening *w, int value, const char *reader) {
    struct narrow_value *known = &w->known[value];
    if (known->wide != NO_VALUE)
        return known->wide;
    const int wide = new_value(w, value);
    struct node *node = turn(w, OP_WIDEN, reader, value, wide);
    if (!node || !pass_set_int(w->context, node, "to", wide_type(type_of(w, value))))
        return NO_VALUE;
    return known->wide = wide;
}

/* Sees to it that the value itself is there. */
static bool make_present(struct widening *w, int value, const char *reader) {
    struct narrow_value *known = &w->known[value];
    if (!known->absent)
        return true;
    struct node *node = turn(w, OP_NARROW, reader, known->wide, value);
    known->absent = false;
    return node && pass_set_int(w->context, node, "to", type_of(w, value));
}

/* ---- which nodes ---- */

static const struct op_arg *argument_of(const struct op_call *call, int i) {
    return i < node_arguments(call->node) ? op_argument(call->op->inputs, i) : NULL;
}

/* It cannot do with one of its narrow inputs. */
static bool must_widen(const struct widening *w, const struct op_call *call) {
    for (int i = 0; i < node_arguments(call->node); i++) {
        const struct op_arg *argument = argument_of(call, i);
        if (argument && op_types_widen(argument, type_of(w, call->node->inputs[i])) != DTYPE_UNDEFINED)
            return true;
    }
    return false;
}

/* It can do with wide ones, and one of them is there as such alone. */
static bool may_widen(const struct widening *w, const struct op_call *call) {
    bool absent = false;
    if (op_facts(call->op)->by_type || op_facts(call->op)->control)
        return false;
    for (int i = 0; i < node_arguments(call->node); i++) {
        const struct op_arg *argument = argument_of(call, i);
        const int value = call->node->inputs[i];
        if (!is_narrow(w, value))
            continue;
        const enum dtype dtype = type_of(w, value);
        if (!argument || !(argument->types & TYPE(wide_type(dtype))) ||
            (dtype_is_packed(dtype) && (argument->types & TYPE(dtype)))) /* it computes with them: bytes are others */
            return false;
        absent |= w->known[value].absent;
    }
    return absent;
}

/* ---- a node as it is ---- */

/* Widen and Narrow, of an earlier time: one is the other. */
static void note_turn(const struct widening *w, const struct node *node) {
    if (strcmp(node->domain, INTERNAL_DOMAIN) != 0 || !pass_has_one_output(node) || node->input_count != 1)
        return;
    const int from = node->inputs[0], to = node->outputs[0];
    if (is_narrow(w, from) && type_of(w, to) == wide_type(type_of(w, from)))
        w->known[from].wide = to;
    else if (is_narrow(w, to) && type_of(w, from) == wide_type(type_of(w, to)))
        w->known[to].wide = from;
}

static bool keep(struct widening *w, const struct node *node) {
    for (int i = 0; i < node->input_count; i++)
        if (is_narrow(w, node->inputs[i]) && !make_present(w, node->inputs[i], node->name))
            return false;
    note_turn(w, node);
    return pass_append(w->context, &w->made, node);
}

/* ---- a node with wide inputs ---- */

/* What moves strings as well computes nothing. */
static bool is_moved(const struct op_call *call, int output) {
    const struct op_arg *argument = op_argument(call->op->outputs, output);
    return argument && (argument->types & TYPE(DTYPE_STRING));
}

/* Types of the outputs, now that narrow inputs are wide. */
static void widened_types(const struct widening *w, const struct op_call *call, struct op_types *types) {
    struct error ignored;
    for (int i = 0; i < node_arguments(call->node); i++) {
        const enum dtype dtype = type_of(w, call->node->inputs[i]);
        if (dtype != DTYPE_UNDEFINED && argument_of(call, i))
            op_types_add(types, call->op, i, wide_type(dtype) ? wide_type(dtype) : dtype, &ignored);
    }
}

/* Output i of the new node is made wide, and rounded. */
static bool widen_output(struct widening *w, const struct op_call *call, int index, int i) {
    const int output = call->node->outputs[i], wide = new_value(w, output);
    struct narrow_value *known = &w->known[output];
    if (wide == NO_VALUE)
        return false;
    w->made.nodes[index].outputs[i] = wide;
    *known = (struct narrow_value){.wide = wide, .absent = true};
    if (is_moved(call, i))
        return true;
    known->wide = new_value(w, output);
    struct node *node = turn(w, OP_ROUND, call->node->name, wide, known->wide);
    return node && pass_set_int(w->context, node, "to", type_of(w, output));
}

static bool widen(struct widening *w, const struct op_call *call) {
    const struct node *node = call->node;
    struct node copy = *node;
    struct op_types types = {0};
    copy.inputs = pass_scratch(w->context, (size_t)node->input_count + 1, sizeof *copy.inputs);
    if (!copy.inputs)
        return false;
    for (int i = 0; i < node->input_count; i++) {
        copy.inputs[i] = is_narrow(w, node->inputs[i]) ? wide_of(w, node->inputs[i], node->name) : node->inputs[i];
        if (is_narrow(w, node->inputs[i]) && copy.inputs[i] == NO_VALUE)
            return false;
    }
    if (!pass_append_copy(w->context, &w->made, &copy, 0))
        return false;
    const int index = w->made.count - 1;
    widened_types(w, call, &types);
    for (int i = 0; i < node->output_count; i++)
        if (is_narrow(w, node->outputs[i]) &&
            op_types_output(&types, call, i) == wide_type(type_of(w, node->outputs[i])) &&
            !widen_output(w, call, index, i))
            return false;
    return true;
}

static bool widen_node(struct widening *w, const struct node *node) {
    const struct op_call *call = pass_call(w->context, node);
    struct error ignored;
    if (!call)
        return pass_append(w->context, &w->made, node);
    if (types_node(&w->scope, call, &ignored) != STATUS_OK)
        return false;
    return must_widen(w, call) || may_widen(w, call) ? widen(w, call) : keep(w, node);
}

/* A model without such values stays as it is. */
static bool has_narrow(const struct widening *w, struct error *err) {
    if (types_graph(&w->scope, err) != STATUS_OK)
        return false;
    for (int i = 0; i < w->value_count; i++)
        if (is_narrow(w, i))
            return true;
    return false;
}

static bool widen_nodes(struct widening *w) {
    struct graph *graph = w->context->graph;
    const struct node *old = graph->nodes;
    const int count = graph->node_count;
    for (int i = 0; i < w->value_count; i++)
        w->known[i].wide = NO_VALUE;
    types_start(graph, w->scope.types);
    for (int i = 0; i < count; i++)
        if (!widen_node(w, &old[i]))
            return false;
    for (int i = 0; i < graph->output_count; i++)
        if (is_narrow(w, graph->outputs[i]) && !make_present(w, graph->outputs[i], ""))
            return false;
    pass_replace_nodes(w->context, &w->made);
    return true;
}

status pass_widen(struct pass_context *context, struct error *err) {
    struct widening w = {.context = context, .value_count = context->value_count};
    const size_t count = (size_t)context->value_count + 1;
    enum dtype *types = pool_array(context->scratch, count, sizeof *types);
    w.known = pool_array(context->scratch, count, sizeof *w.known);
    if (!types || !w.known)
        return fail_memory(err, "a pass");
    w.scope = (struct types_scope){context->program->source, context->scratch, context->graph, types};
    context->types = types;
    types_start(context->graph, types);
    err->code = STATUS_OK;
    if (!has_narrow(&w, err))
        return err->code;
    return widen_nodes(&w) ? STATUS_OK : fail_memory(err, "a pass");
}
