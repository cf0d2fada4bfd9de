/*
 * Reads Python's pickle format, protocols 2 to 5 as torch.save writes them, into values. Nothing is run: classes and
 * functions outside of a fixed set make opaque values.
 */
#ifndef LIMNER_TOOLS_CHECKPOINT_PICKLE_H
#define LIMNER_TOOLS_CHECKPOINT_PICKLE_H

#include "tools/checkpoint/pickle_machine.h"

/* Reads one pickle. Messages begin with "byte N: ". */
status pickle_read(struct pickle *pickle, struct pickle_value **out);

#endif
