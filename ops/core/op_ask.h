/* Asking an operator for its facts about a node of a graph that does not run yet. */
#ifndef LIMNER_OPS_CORE_OP_ASK_H
#define LIMNER_OPS_CORE_OP_ASK_H

#include "ops/core/op_facts.h"

/* What is known of the values of the node's graph. */
struct op_asker {
    struct pool *pool; /* where the call lives */
    const void *context;
    const struct tensor *(*constant)(const void *context, int value); /* NULL: not constant */
    enum dtype (*type)(const void *context, int value);               /* DTYPE_UNDEFINED: not known */
    bool (*is_read)(const void *context, int value);
};

/*
 * The node as its operator sees it when it is asked (op_facts.h), its attributes parsed into params. An error says
 * what is wrong with the attributes, or STATUS_NO_MEMORY.
 */
status op_ask(const struct op_asker *asker, const struct op *op, const struct node *node, int opset,
              struct op_call **call, struct error *err);

#endif
