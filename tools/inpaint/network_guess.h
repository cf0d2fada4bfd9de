/* What a model's inputs are, where the contract does not say: by their channels, types and names. */
#ifndef LIMNER_TOOLS_INPAINT_NETWORK_GUESS_H
#define LIMNER_TOOLS_INPAINT_NETWORK_GUESS_H

#include "tools/inpaint/network.h"

/* Fills the groups of all inputs, whose values are known. STATUS_SHAPE names an input that is nothing of the kind. */
status network_guess_inputs(struct network *network, struct error *err);

#endif
