/* What a thread does at a time in Strassen's algorithm: pairs of rows by a pair of n-blocks. */
#ifndef LIMNER_OPS_MATMUL_STRASSEN_TASK_H
#define LIMNER_OPS_MATMUL_STRASSEN_TASK_H

#include "ops/matmul/strassen_left.h"

/* The pairs of rows first..end of a group by a pair of n-blocks. */
struct strassen_task {
    const struct strassen_group *group;
    int64_t n_pair;
    int64_t first, end;
    struct strassen_scales scales;
    const float *quadrants[4]; /* of B: 11, 12, 21, 22 */
    float *sums, *right;       /* of this thread: of the seven products; of B */
};

/* Multiplies and writes the outputs; scales and quadrants are found here. */
void strassen_run_task(struct strassen_task *task);

#endif
