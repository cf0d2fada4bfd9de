/* An activation behind Conv or ConvTranspose is computed where the result is still at hand. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_ACTIVATION_H
#define LIMNER_RUNTIME_PASSES_PASS_ACTIVATION_H

#include "runtime/passes/pass.h"

status pass_activation(struct pass_context *context, struct error *err);
bool pass_read_activation(const struct pass_context *context, const struct node *node, struct pass_fusion *fusion);
/* Puts the activation's attributes on an internal node. False without memory. */
bool pass_set_activation(struct pass_context *context, struct node *node, const struct pass_fusion *fusion);

#endif
