/* Dropping what no output needs. */
#ifndef LIMNER_RUNTIME_PROGRAM_PRUNE_H
#define LIMNER_RUNTIME_PROGRAM_PRUNE_H

#include "onnx/graph.h"

/*
 * Removes the nodes that no output of the graph depends on, keeps the order of the others, and sets every value's
 * producer. readers (may be NULL) has a place for every value: how many node inputs and graph outputs read it. False
 * without memory.
 */
bool prune_graph(struct graph *graph, int *readers);

#endif
