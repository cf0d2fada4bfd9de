/* Layers that nothing names are matched with modules by their order. */
#ifndef LIMNER_TOOLS_CONVERT_MATCH_ORDER_H
#define LIMNER_TOOLS_CONVERT_MATCH_ORDER_H

#include "tools/convert/plan.h"

/* Layers that nothing names: in graph order against modules in key order, where that is certain enough. First those
 * with weights; after match_norms the others. */
void match_order(struct conversion_plan *plan, bool weights);

#endif
