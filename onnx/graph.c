#include "onnx/graph.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* Appends what there is room for. */
static size_t append(char *text, size_t used, const char *part) {
    const int length = snprintf(text + used, DECLARED_TEXT_BYTES - used, "%s", part);
    const size_t end = used + (size_t)length;
    return end < DECLARED_TEXT_BYTES ? end : DECLARED_TEXT_BYTES - 1;
}

const char *declared_text(const struct declared_type *type, char text[DECLARED_TEXT_BYTES]) {
    size_t used = append(text, 0, "");
    int open = 0;
    for (; type && type->item; type = type->item, open++) {
        used = append(text, used, type->dtype == DTYPE_SEQUENCE ? "seq(" : dtype_name(type->dtype));
        if (type->dtype != DTYPE_SEQUENCE)
            used = append(text, used, "(");
        if (type->dtype == DTYPE_MAP) {
            used = append(text, used, dtype_name(type->key));
            used = append(text, used, ",");
        }
    }
    used = append(text, used, type && type->other ? type->other : "tensor(");
    if (type && !type->other) {
        used = append(text, used, dtype_name(type->dtype));
        open++;
    }
    while (open-- > 0)
        used = append(text, used, ")");
    return text;
}

const char *domain_canonical(const char *domain) {
    return !domain || strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

int graph_find_value(const struct graph *graph, const char *name) {
    for (int i = 0; i < graph->value_count; i++)
        if (strcmp(graph->values[i].name, name) == 0)
            return i;
    return -1;
}

/* Room for one more item in an array that lives in the pool; false without memory. */
static bool grow(struct pool *pool, void **items, int count, int *capacity, size_t item_bytes) {
    if (count < *capacity)
        return true;
    if (count > INT_MAX / 2)
        return false;
    const int bigger = count ? 2 * count : 8;
    void *copy = pool_array(pool, (size_t)bigger, item_bytes);
    if (!copy)
        return false;
    if (count)
        memcpy(copy, *items, (size_t)count * item_bytes);
    *items = copy;
    *capacity = bigger;
    return true;
}

int graph_add_value(struct graph *graph, struct pool *pool, const char *name) {
    void *values = graph->values;
    const char *copy = pool_string(pool, name, strlen(name));
    if (!copy || !grow(pool, &values, graph->value_count, &graph->value_capacity, sizeof *graph->values))
        return -1;
    graph->values = values;
    graph->values[graph->value_count] = (struct value){.name = copy, .producer = -1, .type.rank = -1};
    return graph->value_count++;
}

int graph_add_node(struct graph *graph, struct pool *pool, const struct node *node) {
    void *nodes = graph->nodes;
    if (!grow(pool, &nodes, graph->node_count, &graph->node_capacity, sizeof *graph->nodes))
        return -1;
    graph->nodes = nodes;
    graph->nodes[graph->node_count] = *node;
    return graph->node_count++;
}

/* A copy of the array in the pool; *copied turns false without memory. */
static void *copy_array(struct pool *pool, const void *items, int count, size_t item_bytes, bool *copied) {
    void *copy = pool_array(pool, (size_t)count, item_bytes);
    if (!copy)
        *copied = false;
    else if (count)
        memcpy(copy, items, (size_t)count * item_bytes);
    return copy;
}

struct graph *graph_copy(const struct graph *graph, struct pool *pool) {
    bool copied = true;
    struct graph *copy = copy_array(pool, graph, 1, sizeof *graph, &copied);
    if (!copy)
        return NULL;
    copy->values = copy_array(pool, graph->values, graph->value_count, sizeof *graph->values, &copied);
    copy->nodes = copy_array(pool, graph->nodes, graph->node_count, sizeof *graph->nodes, &copied);
    copy->inputs = copy_array(pool, graph->inputs, graph->input_count, sizeof *graph->inputs, &copied);
    copy->outputs = copy_array(pool, graph->outputs, graph->output_count, sizeof *graph->outputs, &copied);
    copy->value_capacity = graph->value_count;
    copy->node_capacity = graph->node_count;
    for (int i = 0; i < graph->node_count && copied; i++) {
        struct node *node = &copy->nodes[i];
        node->inputs = copy_array(pool, node->inputs, node->input_count, sizeof *node->inputs, &copied);
        node->outputs = copy_array(pool, node->outputs, node->output_count, sizeof *node->outputs, &copied);
        node->attributes = copy_array(pool, node->attributes, node->attribute_count, sizeof *node->attributes, &copied);
    }
    return copied ? copy : NULL;
}

const struct attribute *node_attribute(const struct node *node, const char *name) {
    for (int i = 0; i < node->attribute_count; i++)
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    return NULL;
}

int64_t node_int(const struct node *node, const char *name, int64_t fallback) {
    const struct attribute *attribute = node_attribute(node, name);
    return attribute && attribute->type == ATTRIBUTE_INT ? attribute->i : fallback;
}

float node_float(const struct node *node, const char *name, float fallback) {
    const struct attribute *attribute = node_attribute(node, name);
    return attribute && attribute->type == ATTRIBUTE_FLOAT ? attribute->f : fallback;
}

const char *node_text(const struct node *node, const char *name, const char *fallback) {
    const struct attribute *attribute = node_attribute(node, name);
    return attribute && attribute->type == ATTRIBUTE_STRING ? attribute->s.bytes : fallback;
}
