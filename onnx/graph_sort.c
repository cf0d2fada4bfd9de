#include "onnx/graph_sort.h"

#include "base/names.h"

#include <stdlib.h>
#include <string.h>

enum mark { MARK_NEW = 0, MARK_OPEN, MARK_DONE };

/* A node on the way down, and which of the values it needs comes next. */
struct visit {
    int node, next;
};

struct sorter {
    struct graph *graph;
    struct names names;  /* values by name; filled when a node has a subgraph */
    int *captured;       /* what the nodes' subgraphs take from this graph, node after node */
    int *captured_start; /* node_count + 1 places in `captured` */
    size_t captured_count, captured_capacity;
    uint8_t *marks;
    struct visit *stack;
    int depth;
    int *order;
    int ordered;
    struct error *err;
};

/* Name for messages: the node's own, or that of its first output. */
static const char *node_label(const struct graph *graph, const struct node *node) {
    if (node->name && *node->name)
        return node->name;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE)
            return graph->values[node->outputs[i]].name;
    return "";
}

static status set_producers(struct graph *graph, struct error *err) {
    for (int i = 0; i < graph->value_count; i++)
        graph->values[i].producer = -1;
    for (int i = 0; i < graph->node_count; i++) {
        const struct node *node = &graph->nodes[i];
        for (int j = 0; j < node->output_count; j++) {
            if (node->outputs[j] == NO_VALUE)
                continue;
            struct value *value = &graph->values[node->outputs[j]];
            if (value->producer >= 0)
                return fail(err, STATUS_INVALID_MODEL,
                            "value \"%.200s\" is made by both \"%.200s\" (%.100s) and "
                            "\"%.200s\" (%.100s)",
                            value->name, node_label(graph, &graph->nodes[value->producer]),
                            graph->nodes[value->producer].op_type, node_label(graph, node), node->op_type);
            if (value->is_input || value->initializer || value->is_captured)
                return fail(err, STATUS_INVALID_MODEL, "value \"%.200s\" is made by \"%.200s\" (%.100s) and is %s too",
                            value->name, node_label(graph, node), node->op_type,
                            value->is_input      ? "a graph input"
                            : value->initializer ? "an initializer"
                                                 : "a value of the graph around");
            value->producer = i;
        }
    }
    return STATUS_OK;
}

/* ---- what subgraphs capture counts as an input of their node ---- */

static bool name_values(struct sorter *sorter) {
    const struct graph *graph = sorter->graph;
    for (int i = 0; i < graph->value_count; i++)
        if (!names_put(&sorter->names, graph->values[i].name, i))
            return false;
    return true;
}

static bool add_captured(struct sorter *sorter, int value) {
    if (sorter->captured_count == sorter->captured_capacity) {
        const size_t capacity = sorter->captured_capacity ? 2 * sorter->captured_capacity : 64;
        int *bigger = realloc(sorter->captured, capacity * sizeof *bigger);
        if (!bigger)
            return false;
        sorter->captured = bigger;
        sorter->captured_capacity = capacity;
    }
    sorter->captured[sorter->captured_count++] = value;
    return true;
}

static bool add_subgraph(struct sorter *sorter, const struct graph *subgraph) {
    if (sorter->names.count == 0 && !name_values(sorter))
        return false;
    for (int i = 0; i < subgraph->value_count; i++) {
        if (!subgraph->values[i].is_captured)
            continue;
        const int value = names_find(&sorter->names, subgraph->values[i].name);
        if (value >= 0 && !add_captured(sorter, value))
            return false;
    }
    return true;
}

static bool add_attribute(struct sorter *sorter, const struct attribute *attribute) {
    if (attribute->type == ATTRIBUTE_GRAPH)
        return !attribute->graph || add_subgraph(sorter, attribute->graph);
    if (attribute->type != ATTRIBUTE_GRAPHS)
        return true;
    for (size_t i = 0; i < attribute->count; i++)
        if (!add_subgraph(sorter, attribute->graphs[i]))
            return false;
    return true;
}

static bool find_captured(struct sorter *sorter) {
    for (int i = 0; i < sorter->graph->node_count; i++) {
        const struct node *node = &sorter->graph->nodes[i];
        sorter->captured_start[i] = (int)sorter->captured_count;
        for (int j = 0; j < node->attribute_count; j++)
            if (!add_attribute(sorter, &node->attributes[j]))
                return false;
    }
    sorter->captured_start[sorter->graph->node_count] = (int)sorter->captured_count;
    return true;
}

/* ---- the walk ---- */

/* The i-th value that the node needs: inputs, then captured ones; false past the end. */
static bool needed_value(const struct sorter *sorter, int index, int i, int *value) {
    const struct node *node = &sorter->graph->nodes[index];
    const int captured = sorter->captured_start[index + 1] - sorter->captured_start[index];
    if (i < node->input_count)
        *value = node->inputs[i];
    else if (i - node->input_count < captured)
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it is there when something was captured */
        *value = sorter->captured[sorter->captured_start[index] + i - node->input_count];
    else
        return false;
    return true;
}

static void open_node(struct sorter *sorter, int node) {
    sorter->marks[node] = MARK_OPEN;
    sorter->stack[sorter->depth++] = (struct visit){.node = node};
}

/* The nodes from `node` up the stack need each other in a ring. */
static status fail_cycle(const struct sorter *sorter, int node) {
    const struct graph *graph = sorter->graph;
    int first = sorter->depth - 1;
    while (sorter->stack[first].node != node)
        first--;
    const int length = sorter->depth - first, shown = length < 8 ? length : 8;
    fail(sorter->err, STATUS_INVALID_MODEL, "the graph has a cycle of %d node%s:", length, length == 1 ? "" : "s");
    for (int i = 0; i < shown; i++) {
        const struct node *member = &graph->nodes[sorter->stack[sorter->depth - 1 - i].node];
        error_append(sorter->err, "%s \"%.100s\" (%.60s)", i ? " ->" : "", node_label(graph, member), member->op_type);
    }
    error_append(sorter->err, "%s -> \"%.100s\"", shown < length ? " -> ..." : "",
                 node_label(graph, &graph->nodes[sorter->stack[sorter->depth - 1].node]));
    return sorter->err->code;
}

static status visit_from(struct sorter *sorter, int start) {
    open_node(sorter, start);
    while (sorter->depth > 0) {
        struct visit *top = &sorter->stack[sorter->depth - 1];
        int value;
        if (!needed_value(sorter, top->node, top->next++, &value)) {
            sorter->marks[top->node] = MARK_DONE;
            sorter->order[sorter->ordered++] = top->node;
            sorter->depth--;
            continue;
        }
        const int producer = value == NO_VALUE ? -1 : sorter->graph->values[value].producer;
        if (producer >= 0 && sorter->marks[producer] == MARK_OPEN)
            return fail_cycle(sorter, producer);
        if (producer >= 0 && sorter->marks[producer] == MARK_NEW)
            open_node(sorter, producer);
    }
    return STATUS_OK;
}

static bool is_in_order(const struct sorter *sorter) {
    for (int i = 0; i < sorter->ordered; i++)
        if (sorter->order[i] != i)
            return false;
    return true;
}

/* Moves the nodes to their places and says so to the values. */
static status apply_order(struct sorter *sorter) {
    struct graph *graph = sorter->graph;
    if (is_in_order(sorter))
        return STATUS_OK;
    struct node *nodes = malloc((size_t)graph->node_count * sizeof *nodes);
    if (!nodes)
        return fail_memory(sorter->err, "sorting the graph");
    for (int i = 0; i < graph->node_count; i++)
        nodes[i] = graph->nodes[sorter->order[i]];
    memcpy(graph->nodes, nodes, (size_t)graph->node_count * sizeof *nodes);
    free(nodes);
    return set_producers(graph, sorter->err);
}

status graph_sort(struct graph *graph, struct error *err) {
    const size_t count = (size_t)graph->node_count;
    struct sorter sorter = {.graph = graph, .err = err};
    status result = set_producers(graph, err);
    if (result != STATUS_OK || count == 0)
        return result;
    sorter.captured_start = malloc((count + 1) * sizeof *sorter.captured_start);
    sorter.marks = calloc(count, sizeof *sorter.marks);
    sorter.stack = malloc(count * sizeof *sorter.stack);
    sorter.order = malloc(count * sizeof *sorter.order);
    if (!sorter.captured_start || !sorter.marks || !sorter.stack || !sorter.order || !find_captured(&sorter))
        result = fail_memory(err, "sorting the graph");
    for (int i = 0; i < graph->node_count && result == STATUS_OK; i++)
        if (sorter.marks[i] == MARK_NEW)
            result = visit_from(&sorter, i);
    if (result == STATUS_OK)
        result = apply_order(&sorter);
    names_free(&sorter.names);
    free(sorter.captured);
    free(sorter.captured_start);
    free(sorter.marks);
    free(sorter.stack);
    free(sorter.order);
    return result;
}
