/* A model's inputs and outputs as pictures: types, channels, sides, and what to say of those that do not fit. */
#ifndef LIMNER_TOOLS_INPAINT_NETWORK_VALUE_H
#define LIMNER_TOOLS_INPAINT_NETWORK_VALUE_H

#include "tools/inpaint/network.h"

bool value_is_integer(limner_type type);
bool value_is_real(limner_type type);

/* Where channels and sides of an input stand; planes: how many channels it shall have, 0 where that is not known. */
bool network_find_axes(const struct network *network, const limner_value *value, int planes, struct picture_axes *axes,
                       bool *certain);
/* The size at an axis, or -1 where it is not declared. */
int64_t value_size_at(const limner_value *value, int axis);
/* The channels that the graph declares, or -1. */
int64_t value_channels(const limner_value *value, const struct picture_axes *axes);

/* What models of this role take and give, for messages. */
const char *network_expected(enum network_role role);
/* STATUS_SHAPE: says what the input is, and what is expected. */
status network_wrong_input(const struct network *network, const limner_value *value, struct error *err);

#endif
