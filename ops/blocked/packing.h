/* What packing the weights of a phase takes, whichever its algorithm. */
#ifndef LIMNER_OPS_BLOCKED_PACKING_H
#define LIMNER_OPS_BLOCKED_PACKING_H

#include "ops/blocked/blocked.h"

/* The weights of a call on their way into the forms of its phases. */
struct pack_job {
    const struct blocked_state *state;
    const struct blocked_phase *phase; /* the one of the moment */
    const struct kernels *kernels;
    int threads;
    const float *scale;
};

/* What is packed at once: the weights of a panel for some channel blocks of the input. */
struct pack_slice {
    int64_t group, panel, first_block, end_block;
};

/* The weight of an output and an input channel at an index within the kernel. */
float pack_weight(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t row,
                  int64_t channel, int64_t kernel);
/* The weights of some output channels at one input channel and index within the kernel; 0 where there are none. */
void pack_lanes(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t first_lane,
                int lanes, int64_t channel, int64_t kernel, float *to);

#endif
