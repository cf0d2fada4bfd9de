/* Winograd's memory for a run: what threads share, and the scratch of each. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_WORKSPACE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_WORKSPACE_H

#include "base/thread_team.h"
#include "ops/blocked/winograd/winograd_tile_group.h"

/* Floats of: the transformed inputs of a wave, the sums of a panel's segment, the expanded weights of a k-block. */
struct winograd_workspace {
    size_t inputs, sums, weights;
    size_t range;        /* magnitudes of a wave's pixels */
    size_t waiting_sums; /* segments, of all panels, whose sums wait for the next k-block; 0: none does */
    bool scratch_inputs; /* inputs lie in each thread's scratch; else threads share them */
    bool independent;    /* and so do waiting sums */
};

/* The memory of one thread, be it shared or not. */
struct winograd_scratch {
    float *inputs, *sums, *weights;
    uint16_t *range; /* each thread has its own, `range_stride` bytes apart */
    size_t range_stride;
    const struct winograd_weight *sources; /* of the weights of every element */
    size_t segment_sums; /* from the sums of one segment to the next; 0: none wait, all use one place */
};

static inline int64_t winograd_segments(const struct winograd_tiling *tiling, int64_t tiles) {
    return divide_up(tiles, tiling->segment);
}

struct blocked_bytes winograd_bytes(const struct blocked_state *state, int threads);

/* Whether each thread works on tile groups of its own (winograd_run.c); else on waves (winograd_schedule.c). */
bool winograd_runs_by_group(const struct blocked_phase *phase);
/*
 * Of phases with WINOGRAD_IN_KERNEL weights: whether each thread takes panels through the whole depth, with inputs that
 * it transforms itself. Else all threads share every wave, and meet after each k-slice.
 */
bool winograd_runs_independently(const struct blocked_state *state, int threads);
/* Floats of the transformed inputs of a wave. */
size_t winograd_input_floats(const struct winograd_tiling *tiling);
/* Makes the workspace large enough for this phase, too. */
void winograd_add_workspace(struct winograd_workspace *workspace, const struct blocked_phase *phase, int threads);
struct winograd_workspace winograd_workspace_for(const struct blocked_phase *phase, int threads);
/* For all phases that run independently. */
struct winograd_workspace winograd_workspace_independent(const struct blocked_state *state, int threads);
/* The memory of the calling thread; the caller sets `sources`. */
struct winograd_scratch winograd_scratch_of(const struct blocked_run *run, const struct winograd_workspace *workspace,
                                            struct team_thread self);

#endif
