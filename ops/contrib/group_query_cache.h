/*
 * The caches of GroupQueryAttention for one row of the batch: how long its keys and values are, and the present caches
 * that they make with the new ones.
 */
#ifndef LIMNER_OPS_CONTRIB_GROUP_QUERY_CACHE_H
#define LIMNER_OPS_CONTRIB_GROUP_QUERY_CACHE_H

#include "ops/contrib/group_query_call.h"

/* How many vectors there are so far, how many of them are new, and how many older ones are in the cache. */
struct gqa_row {
    int64_t length, new, old;
};

/* Fails where lengths and caches do not fit each other. */
status gqa_row_of(const struct op_call *call, const struct gqa *g, int64_t batch, struct gqa_row *row,
                  struct error *err);
/* The present keys and values of all heads of the row: old ones, new ones, zeros. */
void gqa_fill(const struct op_call *call, const struct gqa *g, const struct gqa_row *row, int64_t batch);

#endif
