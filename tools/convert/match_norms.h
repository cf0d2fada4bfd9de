/* Batch norms: where those of the template are in the checkpoint, and which layers the others were folded into. */
#ifndef LIMNER_TOOLS_CONVERT_MATCH_NORMS_H
#define LIMNER_TOOLS_CONVERT_MATCH_NORMS_H

#include "tools/convert/plan.h"

/* Layers whose own names are lost, by the batch norm that the exporter says is folded in. */
void match_fold_owners(struct conversion_plan *plan);
/* Batch norms of the template that follow a known layer. */
void match_norms(struct conversion_plan *plan);
/* Batch norms of the checkpoint that the template does not have: which layers they were folded into. */
void match_folds(struct conversion_plan *plan);
/* Layers of the template into which a batch norm was folded that the checkpoint does not have. */
void match_missing_folds(struct conversion_plan *plan);

#endif
