#include "runtime/program/prune.h"

#include <stdlib.h>

static bool makes_needed(const struct node *node, const int *readers) {
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] != NO_VALUE && readers[node->outputs[i]] > 0)
            return true;
    return false;
}

/* From the last node to the first: by the time a node is looked at, all that read its outputs have been counted. */
static void count_readers(const struct graph *graph, int *readers, bool *needed) {
    for (int i = 0; i < graph->value_count; i++)
        readers[i] = 0;
    for (int i = 0; i < graph->output_count; i++)
        readers[graph->outputs[i]]++;
    for (int i = graph->node_count - 1; i >= 0; i--) {
        const struct node *node = &graph->nodes[i];
        needed[i] = makes_needed(node, readers);
        for (int k = 0; needed[i] && k < node->input_count; k++)
            if (node->inputs[k] != NO_VALUE)
                readers[node->inputs[k]]++;
    }
}

static void keep_needed(struct graph *graph, const bool *needed) {
    int kept = 0;
    for (int i = 0; i < graph->value_count; i++)
        graph->values[i].producer = -1;
    for (int i = 0; i < graph->node_count; i++) {
        if (!needed[i])
            continue;
        graph->nodes[kept] = graph->nodes[i];
        for (int k = 0; k < graph->nodes[kept].output_count; k++)
            if (graph->nodes[kept].outputs[k] != NO_VALUE)
                graph->values[graph->nodes[kept].outputs[k]].producer = kept;
        kept++;
    }
    graph->node_count = kept;
}

bool prune_graph(struct graph *graph, int *readers) {
    int *counts = readers ? readers : calloc((size_t)graph->value_count + 1, sizeof *counts);
    bool *needed = calloc((size_t)graph->node_count + 1, sizeof *needed);
    const bool ok = counts && needed;
    if (ok) {
        count_readers(graph, counts, needed);
        keep_needed(graph, needed);
    }
    if (!readers)
        free(counts);
    free(needed);
    return ok;
}
