/* A template made plain before it is looked at: every weight is an initializer of its own. */
#ifndef LIMNER_TOOLS_CONVERT_STRAIGHTEN_H
#define LIMNER_TOOLS_CONVERT_STRAIGHTEN_H

#include "onnx/graph.h"

/* A value that was an Identity of another one, and is an initializer now. */
struct value_alias {
    int value, origin;
};

struct value_aliases {
    struct value_alias *items;
    int count;
};

/*
 * Changes the graph: an Identity of an initializer becomes an initializer with the same data (exporters store equal
 * weights once, and those of an untrained network are often equal), and so does a Constant node that a layer reads.
 */
status graph_straighten(struct graph *graph, struct pool *pool, struct value_aliases *aliases, struct error *err);

/* Drops the nodes without outputs and puts value.producer right. */
void graph_compact(struct graph *graph);

#endif
