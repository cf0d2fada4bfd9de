/* Asking a graph's nodes for the facts of their operators, without a session. */
#ifndef LIMNER_TOOLS_ENGINE_NODE_FACTS_H
#define LIMNER_TOOLS_ENGINE_NODE_FACTS_H

#include "onnx/model.h"
#include "ops/core/op_ask.h"

struct node_asker {
    const struct onnx_model *model;
    struct pool *pool; /* calls live here */
    bool *starved;     /* becomes true where memory was lacking: no answer counts then */
};

/* The node's operator, or NULL. */
const struct op *node_operator(const struct node_asker *asker, const struct node *node);
/* The node as its operator reads it; NULL where it cannot be read. */
struct op_call *node_ask(const struct node_asker *asker, const struct op *op, const struct node *node);

/* Whether the model's i-th output comes from a Tanh, perhaps moved about, cast, or cut off at -1 and 1 behind it. */
status output_is_tanh(const struct onnx_model *model, size_t i, bool *is_tanh, struct error *err);

#endif
