#ifndef LIMNER_TOOLS_CONVERT_MATCH_NAMES_H
#define LIMNER_TOOLS_CONVERT_MATCH_NAMES_H

#include "tools/convert/plan.h"

/* By the map, by names, by what the exporter noted. */
void match_names(struct plan *plan);
/* Batch norms of the template that share all their values with others. */
void match_shared_norms(struct plan *plan);

#endif
