/* The last stage of matching: every initializer gets a recipe or a problem. */
#ifndef LIMNER_TOOLS_CONVERT_SETTLE_H
#define LIMNER_TOOLS_CONVERT_SETTLE_H

#include "tools/convert/plan.h"

/* What becomes of each initializer and input; problems for what cannot be settled. */
void settle_values(struct conversion_plan *plan);
/* Parameters that nobody uses and that some constant of the template could have been made from. */
void settle_left_over(struct conversion_plan *plan);

#endif
