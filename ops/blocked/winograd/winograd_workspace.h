/* Winograd's workspace: what all threads have together, and each for itself. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_WORKSPACE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_WORKSPACE_H

#include "base/thread_team.h"
#include "ops/blocked/winograd/winograd_block.h"

/* Floats for the inputs of a wave, the sums of a panel's segment and its transformed weights. */
struct winograd_workspace {
    size_t inputs, sums, weights;
    size_t waiting;  /* sums that wait for the next k-block, of every segment of a panel; 0: none */
    bool own_inputs; /* every thread has inputs of its own */
    bool apart;      /* and sums that wait, too */
};

/* What a thread has, and all have together. */
struct winograd_scratch {
    float *inputs, *sums, *weights;
    const struct winograd_weight *sources; /* of the elements' weights */
    size_t segment_sums; /* from the sums of one segment to the next; 0: a thread uses its own for all */
};

static inline int64_t winograd_segments(const struct winograd_tiling *tiling, int64_t tiles) {
    return divide_up(tiles, tiling->segment);
}

struct blocked_bytes winograd_bytes(const struct blocked_state *state, int threads);

/* Whose grids go side by side with those of other phases, a block for each thread. */
bool winograd_is_owned(const struct blocked_phase *phase);
/*
 * Where tiles form the weights: whether each thread takes panels of one phase after the other, through the whole depth,
 * and so shares nothing with others. Else all threads go through the depth together.
 */
bool winograd_goes_apart(const struct blocked_state *state, int threads);
/* Floats for a block's inputs. */
size_t winograd_input_floats(const struct winograd_tiling *tiling);
/* As much workspace as this phase needs, too. */
void winograd_add_workspace(struct winograd_workspace *workspace, const struct blocked_phase *phase, int threads);
struct winograd_workspace winograd_workspace_for(const struct blocked_phase *phase, int threads);
/* For all phases of threads that go apart. */
struct winograd_workspace winograd_workspace_apart(const struct blocked_state *state, int threads);
/* What the calling thread has; the sources are the caller's. */
struct winograd_scratch winograd_scratch_of(const struct blocked_run *run, const struct winograd_workspace *workspace,
                                            struct team_thread self);

#endif
