/* GraphProto to struct graph: names become indices, everything is checked, function calls are expanded on the way. */
#ifndef LIMNER_ONNX_LOAD_LOAD_GRAPH_H
#define LIMNER_ONNX_LOAD_LOAD_GRAPH_H

#include "onnx/load/loader.h"

/* outer: NULL for the model's own graph. */
status load_graph(struct loader *loader, const Onnx__GraphProto *proto, struct scope *outer, const struct graph **out);
/* Values for the nodes' outputs; in function bodies, an output of the function stands for the caller's value. */
status load_node_outputs(struct loader *loader, struct scope *scope, size_t count, Onnx__NodeProto *const *nodes);
/* The nodes, calls of functions expanded. */
status load_nodes(struct loader *loader, struct scope *scope, size_t count, Onnx__NodeProto *const *nodes);
/* Indices of the named values; names that are nowhere are an error. what: "input" or "output". */
status load_edges(struct loader *loader, struct scope *scope, const char *what, size_t count, char *const *names,
                  int **out);
/* Counts one more node against the limit, and looks at the memory taken so far. */
status load_count_node(struct loader *loader);
/* Appends the node. */
status load_add_node(struct loader *loader, struct scope *scope, const struct node *node);

#endif
