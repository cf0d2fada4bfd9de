/*
 * Nodes that read constants only are computed once, here. Bounded: no result much larger than what it is made from,
 * and a budget of bytes and of arithmetic for the whole model; beyond it nodes are left as they are.
 */
#ifndef LIMNER_RUNTIME_PASSES_PASS_FOLD_H
#define LIMNER_RUNTIME_PASSES_PASS_FOLD_H

#include "runtime/passes/pass.h"

status pass_fold(struct pass_context *context, struct error *err);

#endif
