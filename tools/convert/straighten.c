#include "tools/convert/straighten.h"

#include <string.h>

static bool is_node(const struct node *node, const char *op_type) {
    return strcmp(node->op_type, op_type) == 0 && !node->domain[0];
}

/* The tensor of a Constant node, when it has more than one real number. */
static const struct tensor *constant_tensor(const struct node *node) {
    if (!is_node(node, "Constant") || node->attribute_count != 1 || node->attributes[0].type != ATTRIBUTE_TENSOR)
        return NULL;
    const struct tensor *tensor = node->attributes[0].tensor;
    const bool real = tensor->dtype == DTYPE_FLOAT || tensor->dtype == DTYPE_DOUBLE || tensor->dtype == DTYPE_FLOAT16 ||
                      tensor->dtype == DTYPE_BFLOAT16;
    return real && tensor_elements(tensor) > 1 ? tensor : NULL;
}

static bool takes_weights(const struct node *node) {
    static const char *const names[] = {"Conv", "ConvTranspose", "Gemm", "MatMul", "BatchNormalization", "PRelu"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (is_node(node, names[i]))
            return true;
    return false;
}

/* is_weight[value]: a layer reads it where weights go. */
static void mark_weights(const struct graph *graph, bool *is_weight) {
    for (int n = 0; n < graph->node_count; n++)
        for (int i = 1; takes_weights(&graph->nodes[n]) && i < graph->nodes[n].input_count; i++)
            if (graph->nodes[n].inputs[i] != NO_VALUE)
                is_weight[graph->nodes[n].inputs[i]] = true;
}

static void make_initializer(struct graph *graph, struct node *node, const struct tensor *tensor) {
    struct value *value = &graph->values[node->outputs[0]];
    value->initializer = tensor;
    value->producer = -1;
    node->output_count = 0;
}

status graph_straighten(struct graph *graph, struct pool *pool, struct value_aliases *aliases, struct error *err) {
    bool *is_weight = pool_array(pool, (size_t)graph->value_count + 1, sizeof *is_weight);
    *aliases = (struct value_aliases){pool_array(pool, (size_t)graph->node_count + 1, sizeof *aliases->items), 0};
    if (!is_weight || !aliases->items)
        return fail_memory(err, "the template's graph");
    mark_weights(graph, is_weight);
    for (int n = 0; n < graph->node_count; n++) {
        struct node *node = &graph->nodes[n];
        if (node->output_count != 1 || node->outputs[0] == NO_VALUE || graph->values[node->outputs[0]].is_output)
            continue;
        const int input = is_node(node, "Identity") && node->input_count == 1 ? node->inputs[0] : NO_VALUE;
        const struct tensor *constant = is_weight[node->outputs[0]] ? constant_tensor(node) : NULL;
        if (input != NO_VALUE && graph->values[input].initializer && graph->values[input].producer < 0) {
            aliases->items[aliases->count++] = (struct value_alias){node->outputs[0], input};
            make_initializer(graph, node, graph->values[input].initializer);
        } else if (constant) {
            make_initializer(graph, node, constant);
        }
    }
    graph_compact(graph);
    return STATUS_OK;
}

void graph_compact(struct graph *graph) {
    int kept = 0;
    for (int n = 0; n < graph->node_count; n++) {
        if (graph->nodes[n].output_count == 0)
            continue;
        graph->nodes[kept] = graph->nodes[n];
        for (int i = 0; i < graph->nodes[kept].output_count; i++)
            if (graph->nodes[kept].outputs[i] != NO_VALUE)
                graph->values[graph->nodes[kept].outputs[i]].producer = kept;
        kept++;
    }
    graph->node_count = kept;
}
