/* Where a run's time went. */
#ifndef LIMNER_TOOLS_ENGINE_PROFILE_H
#define LIMNER_TOOLS_ENGINE_PROFILE_H

#include "tools/cli/json.h"
#include "tools/engine/engine.h"

/* A table of the last plan's nodes on stdout, the slowest first; the session must have been opened with profile on. */
status print_profile(const struct engine *engine, struct error *err);
/* The nodes in the order in which they run, as an array under that key. */
void json_profile(struct json *json, const char *key, const struct engine *engine);

#endif
