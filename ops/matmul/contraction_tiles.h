/* Contractions of floats by the tiles of tile_product(): the right sides are packed, then rows are multiplied. */
#ifndef LIMNER_OPS_MATMUL_CONTRACTION_TILES_H
#define LIMNER_OPS_MATMUL_CONTRACTION_TILES_H

#include "base/thread_team.h"
#include "ops/core/op.h"
#include "ops/matmul/contraction_form.h"

/* Where depths and columns are, and the packed right sides. */
struct contraction_tables {
    int64_t *depth_a, *depth_b, *column_a, *column_b, *column_c;
    float *packed; /* [batch] */
};

/* What the threads share. */
struct contraction_work {
    const struct op_call *call;
    const struct contraction_form *form;
    struct contraction_tables tables;
    const void *a, *b;
    void *c;
    int64_t blocks; /* of rows */
};

/* What a thread has for itself: rows of a, panels of them, and sums. */
int64_t contraction_own_floats(const struct op_call *call, const struct contraction_form *form);
/* Tiles of the right sides of all batches: a body for team_for(). */
void contraction_pack_tiles(void *context, int64_t first, int64_t end);
/* Blocks of TILE_ROWS rows of all batches: a body for team_run(). */
void contraction_run_tiles(struct team_thread self, void *context);

#endif
