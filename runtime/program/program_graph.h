/* The graph that a program starts from. */
#ifndef LIMNER_RUNTIME_PROGRAM_PROGRAM_GRAPH_H
#define LIMNER_RUNTIME_PROGRAM_PROGRAM_GRAPH_H

#include "ops/core/op_facts.h"
#include "runtime/program/program.h"

/*
 * A copy of a graph of the model, without the nodes that no output needs. What subgraphs of a node read of the values
 * around them is appended to the node's inputs (captured_count), and what its attributes name (the fact `reads`), so
 * that whoever looks at a node's inputs sees all of its readers. A subgraph's own inputs have no default values. NULL
 * without memory.
 */
struct graph *program_graph(const struct onnx_model *source, const struct graph *graph, struct pool *pool);

/* The node has an attribute that is a graph. */
bool program_has_subgraph(const struct node *node);
/* The subgraph of that attribute. The node's attributes were parsed. */
const struct graph *program_subgraph(const struct node *node, const char *attribute);
/*
 * Lists the values that a subgraph of the node captures in values[], and their places among the node's inputs in
 * inputs[]; both may be NULL. Returns how many. body: its index in control->bodies.
 */
int program_captured(const struct node *node, const struct op_control *control, int body, int *values, int *inputs);

#endif
