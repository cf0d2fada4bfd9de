/* Which input of a model takes what: by the contract, else by the numbers of channels. */
#ifndef LIMNER_TOOLS_INPAINT_NETWORK_INPUTS_H
#define LIMNER_TOOLS_INPAINT_NETWORK_INPUTS_H

#include "tools/inpaint/meter.h"
#include "tools/inpaint/network.h"

/* Fills network->inputs, height and width; the contract and ends_in_tanh are read before. */
status network_read_inputs(struct network *network, struct meter *meter, struct error *err);

#endif
