/* Which module of the checkpoint a layer of the template is: by the map, by names, by what the exporter noted. */
#ifndef LIMNER_TOOLS_CONVERT_MATCH_NAMES_H
#define LIMNER_TOOLS_CONVERT_MATCH_NAMES_H

#include "tools/convert/plan.h"

/* By the map, by names, by what the exporter noted. */
void match_names(struct conversion_plan *plan);
/* Batch norms of the template that share all their values with others. */
void match_shared_norms(struct conversion_plan *plan);

#endif
