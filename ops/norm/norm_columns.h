/* Groups that lie side by side, as columns: a body for team_for(), whose context is a struct norm_work. */
#ifndef LIMNER_OPS_NORM_NORM_COLUMNS_H
#define LIMNER_OPS_NORM_NORM_COLUMNS_H

#include "ops/norm/norm_work.h"

/* How many tiles of columns there are. */
int64_t norm_column_tiles(const struct norm_work *work);
void norm_run_columns(void *context, int64_t first, int64_t end);

#endif
