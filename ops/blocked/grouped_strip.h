/* Some rows and columns of one channel block of a grouped convolution's output, which one thread computes. */
#ifndef LIMNER_OPS_BLOCKED_GROUPED_STRIP_H
#define LIMNER_OPS_BLOCKED_GROUPED_STRIP_H

#include "ops/blocked/blocked.h"

struct grouped_strip {
    const struct blocked_run *run;
    const struct blocked_phase *phase;
    int64_t batch_row, block; /* channel block of the output */
    int64_t first, end;       /* rows of positions */
    int64_t x, columns;       /* columns of positions */
};

/* most: demanded most columns of a strip; 0: not demanded. */
struct grouped_rows grouped_rows_of(const struct window *window, const struct phase_geometry *geometry, int64_t most);
/* How plain tensors are turned. */
void grouped_turn(const struct blocked_state *state, const struct phase_geometry *geometry, struct grouped_rows *rows);
size_t grouped_scratch_bytes(const struct blocked_phase *phase);
/* Before a thread's first strip of a phase in a run. */
void grouped_clear(const struct blocked_run *run, const struct blocked_phase *phase, float *scratch);
void grouped_run_strip(const struct grouped_strip *strip, float *scratch);

#endif
