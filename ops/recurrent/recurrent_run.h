/* Preparing and running a recurrent layer whose inputs were checked. For recurrent.c alone. */
#ifndef LIMNER_OPS_RECURRENT_RECURRENT_RUN_H
#define LIMNER_OPS_RECURRENT_RECURRENT_RUN_H

#include "ops/recurrent/recurrent_problem.h"

/* Packed weights: from the cache, or NULL: packed into the workspace at run. */
struct recurrent_state {
    const float *w, *r;
};

status recurrent_run_prepare(struct op_call *call, const struct recurrent_sizes *sizes, size_t *workspace_bytes,
                             struct error *err);
status recurrent_run(struct op_call *call, const struct recurrent_sizes *sizes, struct error *err);

#endif
