/* A node that would run one subgraph once, and always the same, is that subgraph: its nodes take the node's place. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_INLINE_H
#define LIMNER_RUNTIME_PASSES_PASS_INLINE_H

#include "runtime/passes/pass.h"

/* Sets context->again where it found one: what stood in the subgraph may fold now. */
status pass_inline(struct pass_context *context, struct error *err);

#endif
