/* Functions that files spell out in several nodes become one: x sigmoid(x), and x/2 (1 + erf(x / sqrt 2)). */
#ifndef LIMNER_RUNTIME_PASSES_PASS_COMPOSE_H
#define LIMNER_RUNTIME_PASSES_PASS_COMPOSE_H

#include "runtime/passes/pass.h"

status pass_compose(struct pass_context *context, struct error *err);

#endif
