/* Packing the weights of a phase: what all algorithms share. */
#ifndef LIMNER_OPS_BLOCKED_PACKING_H
#define LIMNER_OPS_BLOCKED_PACKING_H

#include "ops/blocked/blocked.h"

/* The weights of a call on their way into the forms of its phases. */
struct pack_job {
    const struct blocked_state *state;
    const struct blocked_phase *phase; /* that is being packed */
    const struct kernels *kernels;
    int threads;
    const float *scale;
};

/* A unit of packing: the weights of a panel, for some channel blocks of the input. */
struct pack_slice {
    int64_t group, panel, first_block, end_block;
};

/* The weight from an input to an output channel, at an index of the window. */
float pack_weight(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t row,
                  int64_t channel, int64_t kernel);
/* The same for some output channels; 0 where a channel does not exist. */
void pack_lanes(const struct pack_job *job, const struct window_weights *weights, int64_t group, int64_t first_lane,
                int lanes, int64_t channel, int64_t kernel, float *to);

#endif
