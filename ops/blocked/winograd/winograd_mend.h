/* Direct sums in place of Winograd's, for the tiles and channel blocks of outputs that Winograd would spoil. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_MEND_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_MEND_H

#include "ops/blocked/blocked.h"

/*
 * Computes the outputs of suspect tiles once more (winograd_range.h), and those of all tiles for channel blocks whose
 * weights are not balanced (winograd_balance.h). The workspace begins with the list of suspects.
 */
void winograd_mend(const struct blocked_run *run);
/* Memory for it. */
struct blocked_bytes winograd_mend_bytes(const struct blocked_state *state);

#endif
