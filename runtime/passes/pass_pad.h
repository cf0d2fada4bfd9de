/* Zero padding before a convolution becomes the convolution's own. */
#ifndef LIMNER_RUNTIME_PASSES_PASS_PAD_H
#define LIMNER_RUNTIME_PASSES_PASS_PAD_H

#include "runtime/passes/pass.h"

status pass_pad(struct pass_context *context, struct error *err);
/* False unless the node pads spatial dimensions alone, with known amounts, and constant padding is by zeros. */
bool pass_read_padding(const struct pass_context *context, const struct node *pad, struct pass_padding *padding);
/* A convolution's own pads, begin of every spatial dimension before the ends. False when they are not fixed numbers. */
bool pass_read_pads(const struct node *conv, int spatial, int64_t *pads);
/* Gives a convolution these pads. False without memory. */
bool pass_set_pads(struct pass_context *context, struct node *conv, const int64_t *pads, int count);

#endif
