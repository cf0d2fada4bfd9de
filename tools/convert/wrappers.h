/* Words that wrappers of modules put into keys: torch.compile, DataParallel, FSDP, activation checkpoints. */
#ifndef LIMNER_TOOLS_CONVERT_WRAPPERS_H
#define LIMNER_TOOLS_CONVERT_WRAPPERS_H

#include "tools/convert/modules.h"

/*
 * Takes wrappers' words out of the parameters' spelling, wherever they stand, where that lets more of the wanted names
 * fit, whatever prefix is taken from or put before keys. As few words as do it; modules->wrappers names them. Keys that
 * would become one stay as they are.
 */
status wrappers_take_out(struct modules *modules, const char *const *wanted, size_t wanted_count, struct pool *pool,
                         struct error *err);

#endif
