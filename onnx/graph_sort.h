/* Topological order: depth first from the file's first node on, with a stack of its own, so it costs linear time. */
#ifndef LIMNER_ONNX_GRAPH_SORT_H
#define LIMNER_ONNX_GRAPH_SORT_H

#include "onnx/graph.h"

/*
 * Sorts the nodes so that every value is made before it is used, keeping the file's order where it can; sets
 * value.producer. STATUS_INVALID_MODEL names the nodes of a cycle, or two nodes that make the same value.
 */
status graph_sort(struct graph *graph, struct error *err);

#endif
