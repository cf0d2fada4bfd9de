#include "runtime/passes/pass_layout.h"

#include "ops/kernels/kernels.h"
#include "runtime/passes/pass.h"
#include "runtime/passes/pass_activation.h"
#include "runtime/passes/pass_pad.h"

#include <stdlib.h>
#include <string.h>

/* A value of the graph as the pass sees it. */
struct layout_value {
    int blocked;      /* the same in channel blocks, or NO_VALUE */
    int64_t channels; /* when blocked */
};

struct layout {
    struct pass_context *context;
    struct graph *graph;
    const struct node *old; /* the nodes before the pass; values' producers still count in them */
    struct pass_nodes made;
    struct layout_value *known; /* by value */
    int known_count;
};

static const struct layout_value nothing = {NO_VALUE, 0};

static struct layout_value known_of(const struct layout *layout, int value) {
    return value != NO_VALUE && value < layout->known_count ? layout->known[value] : nothing;
}

static bool is_blocked(const struct layout *layout, int value) {
    return known_of(layout, value).blocked != NO_VALUE;
}

/* ---- making nodes ---- */

static int new_value(struct layout *layout, int like) {
    struct pool *pool = layout->context->program->pool;
    const char *name = pool_format(pool, "%s in channel blocks", layout->graph->values[like].name);
    return name ? graph_add_value(layout->graph, pool, name) : NO_VALUE;
}

static bool set_text(struct layout *layout, struct node *node, const char *name, const char *text) {
    const struct attribute attribute = {
        .name = name, .type = ATTRIBUTE_STRING, .count = 1, .s = {.bytes = text, .length = strlen(text)}};
    return pass_set_attribute(layout->context, node, &attribute);
}

static struct node *turn_node(struct layout *layout, const char *op_type, const char *name, int from, int to,
                              int64_t channels) {
    struct node *added = pass_append_between(layout->context, &layout->made, op_type, name, from, to);
    return added && pass_set_int(layout->context, added, "channels", channels) ? added : NULL;
}

/* The value in blocks; a node that turns it is added where it is not there yet. NO_VALUE without memory. */
static int blocks_of(struct layout *layout, int value, int64_t channels, const char *reader) {
    if (is_blocked(layout, value))
        return layout->known[value].blocked;
    const int blocked = new_value(layout, value);
    if (!turn_node(layout, OP_TO_BLOCKS, reader, value, blocked, channels))
        return NO_VALUE;
    layout->known[value] = (struct layout_value){blocked, channels};
    return blocked;
}

/* The node makes its output 0 in blocks from now on; whoever wants it plain reads what an Unblock makes of them. */
static bool make_blocked(struct layout *layout, struct node *node, int64_t channels) {
    const int plain = node->outputs[0], blocked = new_value(layout, plain);
    node->outputs[0] = blocked;
    if (!turn_node(layout, OP_FROM_BLOCKS, "", blocked, plain, channels)) /* dropped when nobody reads it */
        return false;
    layout->known[plain] = (struct layout_value){blocked, channels};
    return true;
}

/* ---- borders ---- */

/* The Pad before a node that can be its border. */
static const struct node *border_before(const struct layout *layout, const struct node *node,
                                        struct op_padding *padding) {
    const int value = pass_input(node, 0);
    const int producer = value == NO_VALUE ? -1 : layout->graph->values[value].producer;
    const struct node *pad = producer < 0 ? NULL : &layout->old[producer];
    int64_t pads[4];
    if (!pad || !pass_facts(layout->context, node)->pads || !pass_read_padding(layout->context, pad, padding) ||
        padding->rank != 4 || !pass_read_pads(layout->context, node, 2, pads) ||
        (strcmp(padding->mode, "reflect") != 0 && strcmp(padding->mode, "edge") != 0))
        return NULL;
    return pads[0] + pads[1] + pads[2] + pads[3] == 0 ? pad : NULL;
}

static bool merge_border(struct layout *layout, struct node *node, const struct op_padding *padding) {
    const int64_t pads[4] = {padding->begin[2], padding->begin[3], padding->end[2], padding->end[3]};
    return pass_set_pads(layout->context, node, pads, 4) && set_text(layout, node, "border", padding->mode);
}

/* The node as it stands behind the Pad. */
static bool see_behind(const struct layout *layout, const struct node *node, const struct node *pad,
                       struct node *seen) {
    int *inputs = pass_scratch(layout->context, (size_t)node->input_count + 1, sizeof *inputs);
    if (!inputs)
        return false;
    memcpy(inputs, node->inputs, (size_t)node->input_count * sizeof *inputs);
    inputs[0] = pass_input(pad, 0);
    *seen = *node;
    seen->inputs = inputs;
    return true;
}

/* ---- operators that work on blocks ---- */

/* False when the operator does not, or not here. */
static bool read_blocking(const struct layout *layout, const struct node *node, struct op_blocking *blocking) {
    const struct op_facts *facts = pass_facts(layout->context, node);
    if (!facts->blocks || node->output_count != 1 || node->outputs[0] == NO_VALUE || node->input_count == 0)
        return false;
    const struct op_call *call = pass_call(layout->context, node);
    int64_t *channels = pass_scratch(layout->context, (size_t)node->input_count, sizeof *channels);
    if (!call || !channels)
        return false;
    for (int i = 0; i < node->input_count; i++)
        channels[i] = known_of(layout, node->inputs[i]).channels;
    return facts->blocks(call, channels, blocking);
}

/* The node reads its inputs in blocks, which are there by now. */
static void take_blocks(const struct layout *layout, struct node *node, const struct op_blocking *blocking) {
    if (blocking->in > 0)
        node->inputs[0] = layout->known[node->inputs[0]].blocked;
    for (int i = 1; !blocking->op_type && i < node->input_count; i++)
        if (is_blocked(layout, node->inputs[i]))
            node->inputs[i] = layout->known[node->inputs[i]].blocked;
}

static bool set_attributes(struct layout *layout, struct node *node, const struct op_blocking *blocking) {
    bool ok = true;
    for (int i = 0; ok && i < blocking->attribute_count; i++)
        ok = pass_set_attribute(layout->context, node, &blocking->attributes[i]);
    return ok;
}

static bool lay_out_operator(struct layout *layout, const struct node *node, bool *done) {
    struct op_padding padding;
    struct op_blocking blocking;
    const struct node *pad = border_before(layout, node, &padding);
    struct node seen = *node;
    if (pad && !see_behind(layout, node, pad, &seen))
        return false;
    *done = read_blocking(layout, &seen, &blocking);
    if (!*done)
        return true;
    if (blocking.in > 0 && blocks_of(layout, seen.inputs[0], blocking.in, seen.name) == NO_VALUE)
        return false;
    struct node *copy = pass_append_copy(layout->context, &layout->made, &seen, 0);
    if (!copy || !set_attributes(layout, copy, &blocking) || (pad && !merge_border(layout, copy, &padding)))
        return false;
    take_blocks(layout, copy, &blocking);
    if (blocking.op_type) {
        copy->domain = INTERNAL_DOMAIN;
        copy->op_type = blocking.op_type;
    }
    return blocking.out == 0 || make_blocked(layout, copy, blocking.out);
}

/* ---- what is fused on blocks ---- */

/* An operator of the internal domain that takes this upon itself and does nothing besides yet. */
static bool is_open(const struct layout *layout, const struct node *node, unsigned fuses) {
    return strcmp(node->domain, INTERNAL_DOMAIN) == 0 && (pass_facts(layout->context, node)->fuses & fuses) &&
           !node_attribute(node, "activation") && pass_input(node, 3) == NO_VALUE;
}

/* The node that makes this value in blocks for one single reader, and can take the reader's work; or NULL. */
static struct node *open_producer(const struct layout *layout, int value, unsigned fuses) {
    if (!is_blocked(layout, value) || value >= layout->context->value_count || layout->context->readers[value] != 1)
        return NULL;
    for (int i = layout->made.count - 1; i >= 0; i--) {
        struct node *node = &layout->made.nodes[i];
        if (node->output_count == 1 && node->outputs[0] == layout->known[value].blocked)
            return is_open(layout, node, fuses) ? node : NULL;
    }
    return NULL;
}

/* The reader's work is done by a copy of its producer, which stands where the reader stood. */
static struct node *take_over(struct layout *layout, const struct node *producer, const struct node *reader,
                              int inputs) {
    struct node *copy = pass_append_copy(layout->context, &layout->made, producer, inputs);
    if (copy)
        copy->outputs[0] = reader->outputs[0];
    return copy;
}

static bool fuse_activation(struct layout *layout, const struct node *node, bool *done) {
    struct activation activation;
    struct node *producer = pass_read_activation(layout->context, node, &activation)
                                ? open_producer(layout, pass_input(node, 0), FUSES_ACTIVATION)
                                : NULL;
    *done = producer != NULL;
    if (!producer)
        return true;
    const int64_t channels = layout->known[node->inputs[0]].channels;
    producer = take_over(layout, producer, node, 0);
    return producer && pass_set_activation(layout->context, producer, &activation) &&
           make_blocked(layout, producer, channels);
}

static bool fuse_addition(struct layout *layout, const struct node *node, bool *done) {
    *done = false;
    if (pass_facts(layout->context, node)->formula != FORMULA_SUM || node->input_count != 2 ||
        !is_blocked(layout, node->inputs[0]) || !is_blocked(layout, node->inputs[1]) ||
        node->inputs[0] == node->inputs[1])
        return true;
    const int side = open_producer(layout, node->inputs[1], FUSES_ADDITION) ? 1 : 0, value = node->inputs[side];
    struct node *producer = open_producer(layout, value, FUSES_ADDITION);
    const struct layout_value other = layout->known[node->inputs[1 - side]];
    if (!producer || other.channels != layout->known[value].channels)
        return true;
    *done = true;
    producer = take_over(layout, producer, node, 4);
    if (!producer)
        return false;
    producer->inputs[3] = other.blocked;
    return make_blocked(layout, producer, other.channels);
}

/* ---- plain outputs ---- */

/* Which node of the new ones reads a value last, and how many times it is read. */
struct value_reader {
    int count, last;
};

static struct value_reader *list_readers(const struct layout *layout) {
    const struct graph *graph = layout->graph;
    struct value_reader *readers = pass_scratch(layout->context, (size_t)graph->value_count + 1, sizeof *readers);
    if (!readers)
        return NULL;
    memset(readers, 0, ((size_t)graph->value_count + 1) * sizeof *readers);
    for (int i = 0; i < layout->made.count; i++)
        for (int k = 0; k < layout->made.nodes[i].input_count; k++) {
            const int value = layout->made.nodes[i].inputs[k];
            if (value != NO_VALUE)
                readers[value] = (struct value_reader){readers[value].count + 1, i};
        }
    for (int i = 0; i < graph->output_count; i++)
        readers[graph->outputs[i]].count++;
    return readers;
}

/* The Unblock that alone reads what the node makes, and is read itself; NULL: none. */
static struct node *only_unblock(const struct layout *layout, const struct node *node,
                                 const struct value_reader *readers) {
    if (node->output_count != 1 || node->outputs[0] == NO_VALUE || readers[node->outputs[0]].count != 1)
        return NULL;
    struct node *reader = &layout->made.nodes[readers[node->outputs[0]].last];
    const bool turns = strcmp(reader->domain, INTERNAL_DOMAIN) == 0 && strcmp(reader->op_type, OP_FROM_BLOCKS) == 0;
    return turns && readers[reader->outputs[0]].count > 0 ? reader : NULL;
}

static bool can_write_plain(const struct layout *layout, const struct node *node) {
    const struct op_facts *facts = pass_facts(layout->context, node);
    const struct op_call *call = facts->writes_plain ? pass_call(layout->context, node) : NULL;
    return call && facts->writes_plain(call);
}

/* Nodes whose blocks would only be turned back make plain tensors, where that costs them nothing. */
static bool write_plain(struct layout *layout) {
    struct node *nodes = layout->made.nodes;
    const struct value_reader *readers = list_readers(layout);
    bool *gone = pass_scratch(layout->context, (size_t)layout->made.count + 1, sizeof *gone);
    int kept = 0;
    if (!readers || !gone)
        return false;
    memset(gone, 0, ((size_t)layout->made.count + 1) * sizeof *gone);
    for (int i = 0; i < layout->made.count; i++) {
        struct node *unblock = can_write_plain(layout, &nodes[i]) ? only_unblock(layout, &nodes[i], readers) : NULL;
        if (unblock && !pass_set_int(layout->context, &nodes[i], "blocked_output", 0))
            return false;
        if (unblock)
            nodes[i].outputs[0] = unblock->outputs[0];
        gone[unblock ? unblock - nodes : layout->made.count] = true;
    }
    for (int i = 0; i < layout->made.count; i++)
        if (!gone[i])
            nodes[kept++] = nodes[i];
    layout->made.count = kept;
    return true;
}

static bool lay_out_node(struct layout *layout, const struct node *node) {
    bool done = false;
    if (node->output_count == 0 || node->outputs[0] == NO_VALUE)
        return pass_append(layout->context, &layout->made, node);
    if (!fuse_activation(layout, node, &done) || (!done && !fuse_addition(layout, node, &done)) ||
        (!done && !lay_out_operator(layout, node, &done)))
        return false;
    return done || pass_append(layout->context, &layout->made, node);
}

status pass_layout(struct pass_context *context, struct error *err) {
    struct graph *graph = context->graph;
    const int count = graph->node_count, values = graph->value_count;
    struct layout layout = {.context = context, .graph = graph, .old = graph->nodes, .known_count = values};
    layout.known = pool_array(context->scratch, (size_t)values + 1, sizeof *layout.known);
    for (int i = 0; layout.known && i < values; i++)
        layout.known[i] = nothing;
    bool ok = layout.known != NULL;
    for (int i = 0; ok && i < count; i++)
        ok = lay_out_node(&layout, &layout.old[i]);
    if (!ok || !write_plain(&layout))
        return fail_memory(err, "a pass");
    pass_replace_nodes(context, &layout.made);
    return STATUS_OK;
}
