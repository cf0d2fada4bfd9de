/* Packing the weights of a phase as its algorithm walks them. */
#ifndef LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PACK_H
#define LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PACK_H

#include "ops/blocked/blocked.h"

/* Weights from the cache, or room for them in the workspace. */
status blocked_take_weights(struct op_call *call, struct blocked_state *state, struct error *err);
void blocked_pack_now(const struct op_call *call, struct blocked_state *state, float *room);

#endif
