/* Element types inside subgraphs, and through them. */
#ifndef LIMNER_RUNTIME_PROGRAM_TYPES_SUBGRAPH_H
#define LIMNER_RUNTIME_PROGRAM_TYPES_SUBGRAPH_H

#include "onnx/model.h"
#include "ops/core/op_control.h"

/* A graph with what is known of its values' types. */
struct types_scope {
    const struct onnx_model *model;
    struct pool *pool;
    const struct graph *graph;
    enum dtype *types; /* by value */
};

/*
 * A subgraph of the node (its number in control->bodies), a copy as program_graph() makes it: what it captures and what
 * an iteration gives it have the types that they have outside. Lives in the pool.
 */
status types_enter(const struct types_scope *outer, const struct node *node, const struct op_control *control, int body,
                   const struct op_mapping *mapping, struct types_scope *inner, struct error *err);
/* Outputs of the node have the types that they have inside. */
void types_leave(const struct types_scope *outer, const struct node *node, const struct op_mapping *mapping,
                 const struct types_scope *inner);

/* types_step(), and through the node's subgraphs where it has some. The only error is STATUS_NO_MEMORY: what does not
 * fit is not known. */
status types_node(const struct types_scope *scope, const struct op_call *call, struct error *err);
/* All types of the scope's graph, from types_start() on. Likewise. */
status types_graph(const struct types_scope *scope, struct error *err);

#endif
