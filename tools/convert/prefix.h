/* What stands before every key of a checkpoint, or before every name of a template. */
#ifndef LIMNER_TOOLS_CONVERT_PREFIX_H
#define LIMNER_TOOLS_CONVERT_PREFIX_H

#include "tools/convert/modules.h"

/* Sets modules->taken or modules->put, which are "" at first, when that, and only that, makes names fit. */
status prefix_choose(struct modules *modules, const char *const *wanted, size_t wanted_count, struct pool *pool,
                     struct error *err);

/* How many names fit after the best of these ways. */
status prefix_fits(const struct modules *modules, const char *const *wanted, size_t wanted_count, struct pool *pool,
                   int *fits, struct error *err);

#endif
