#ifndef LIMNER_RUNTIME_PASSES_PASS_EXPAND_H
#define LIMNER_RUNTIME_PASSES_PASS_EXPAND_H

#include "runtime/passes/pass.h"

/* Writes operators that stand for others as those (op_facts.h, expand). */
status pass_expand(struct pass_context *context, struct error *err);

#endif
