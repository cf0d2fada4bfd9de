/* An activation behind an operator that can take it upon itself is computed where the result is still at hand. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_ACTIVATION_H
#define LIMNER_RUNTIME_PASSES_PASS_ACTIVATION_H

#include "runtime/passes/pass.h"

status pass_activation(struct pass_context *context, struct error *err);
/* The activation that the node is; false for every other node. */
bool pass_read_activation(const struct pass_context *context, const struct node *node, struct activation *activation);
/* Puts the activation's attributes on an internal node. False without memory. */
bool pass_set_activation(struct pass_context *context, struct node *node, const struct activation *activation);

#endif
