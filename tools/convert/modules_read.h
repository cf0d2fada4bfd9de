/* Reads a checkpoint's tensors as modules. */
#ifndef LIMNER_TOOLS_CONVERT_MODULES_READ_H
#define LIMNER_TOOLS_CONVERT_MODULES_READ_H

#include "tools/convert/map.h"
#include "tools/convert/modules.h"

/*
 * Groups the chosen tensors. `wanted` are names that a template uses; when none of them is a key, but all that fit
 * would be after one same prefix is taken from the keys (or put before them), that is done. Several that fit equally
 * are an error. Before that the rules of the map (NULL: none) rename keys, and wrappers' words go. prefix: what to take
 * away, for certain; or NULL. Everything lives in the pool but the maps: modules_free.
 */
status modules_read(const struct checkpoint *checkpoint, const char *const *wanted, size_t wanted_count,
                    const char *prefix, const struct map *map, struct pool *pool, struct modules *modules,
                    struct error *err);

#endif
