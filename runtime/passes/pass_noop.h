/* Nodes that provably change nothing are dropped: their readers take the input. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_NOOP_H
#define LIMNER_RUNTIME_PASSES_PASS_NOOP_H

#include "runtime/passes/pass.h"

status pass_noop(struct pass_context *context, struct error *err);

#endif
