/* Packing the weights of all phases, each in the order in which its algorithm reads them. */
#ifndef LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PACK_H
#define LIMNER_OPS_BLOCKED_ENGINE_BLOCKED_PACK_H

#include "ops/blocked/blocked.h"

/* Takes constant weights from the cache, packed; asks for workspace for others, ... */
status blocked_take_weights(struct op_call *call, struct blocked_state *state, struct error *err);
/* ... where they are packed in every run. */
void blocked_pack_now(const struct op_call *call, struct blocked_state *state, float *workspace);

#endif
