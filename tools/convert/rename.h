/* A map's rules that rename keys. */
#ifndef LIMNER_TOOLS_CONVERT_RENAME_H
#define LIMNER_TOOLS_CONVERT_RENAME_H

#include "tools/convert/map.h"
#include "tools/convert/modules.h"

/* Applies the rules to the parameters' spelling, each to what those before it made. A rule that no key fits, and keys
   that become one, are errors. */
status rename_keys(struct modules *modules, const struct map *map, struct pool *pool, struct error *err);

/* The name with what the star of `from` stands for in the place of the star of `to`; the name itself where it does not
   fit, NULL without memory. */
const char *rename_one(const char *name, const char *from, const char *to, struct pool *pool);

#endif
