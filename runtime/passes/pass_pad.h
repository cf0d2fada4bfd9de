/* Zero padding before an operator with a border of its own becomes that border. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_PAD_H
#define LIMNER_RUNTIME_PASSES_PASS_PAD_H

#include "runtime/passes/pass.h"

status pass_pad(struct pass_context *context, struct error *err);
/* What the node adds around its input 0; false for every other node. */
bool pass_read_padding(const struct pass_context *context, const struct node *node, struct op_padding *padding);
/* The node's own border, where it can take another one upon itself; false else. */
bool pass_read_pads(const struct pass_context *context, const struct node *node, int spatial, int64_t *pads);
/* Gives the node this border. False without memory. */
bool pass_set_pads(struct pass_context *context, struct node *conv, const int64_t *pads, int count);

#endif
