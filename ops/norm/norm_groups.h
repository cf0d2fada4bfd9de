/* Groups whose numbers are neighbours: bodies for team_for(), whose context is a struct norm_work. */
#ifndef LIMNER_OPS_NORM_NORM_GROUPS_H
#define LIMNER_OPS_NORM_NORM_GROUPS_H

#include "ops/norm/norm_work.h"

/* Whole groups, some short ones at a time. */
void norm_whole_groups(void *context, int64_t first, int64_t end);
/* Whether groups are short rows of floats that all have the same scale and bias, a number for each of theirs. */
bool norm_is_rows(const struct norm_work *work);
/* Such rows: the same bits as of norm_whole_groups(). */
void norm_whole_rows(void *context, int64_t first, int64_t end);

/* Large groups, chunk by chunk, each group by one thread; or their chunks: all of a group are measured before any is
   written. */
void norm_chunked_groups(void *context, int64_t first, int64_t end);
void norm_measure_chunks(void *context, int64_t first, int64_t end);
void norm_finish_chunks(void *context, int64_t first, int64_t end);

#endif
