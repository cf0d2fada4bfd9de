/* What the map says. */
#ifndef LIMNER_TOOLS_CONVERT_SETTLE_MAP_H
#define LIMNER_TOOLS_CONVERT_SETTLE_MAP_H

#include "tools/convert/plan.h"

/* Keys that the map leaves out. */
void settle_ignored_keys(struct conversion_plan *plan);
/* What the map says of initializers. */
void settle_map(struct conversion_plan *plan);

#endif
