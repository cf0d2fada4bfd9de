/* A node that would run one subgraph once, and always the same, is that subgraph: its nodes take the node's place. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_INLINE_H
#define LIMNER_RUNTIME_PASSES_PASS_INLINE_H

#include "runtime/passes/pass.h"

/* Sets context->again where it found one: what stood in the subgraph may fold now. */
status pass_inline(struct pass_context *context, struct error *err);

/*
 * Appends the nodes of the node's subgraph number `body` to a list. given: values for its inputs; results: those of its
 * outputs. False without memory.
 */
bool pass_inline_body(const struct pass_context *context, const struct node *node, int body, const int *given,
                      struct pass_nodes *list, int *results);

#endif
