/* Minimal filtering's workspace: what all threads have together, and each for itself. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_WORKSPACE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_WORKSPACE_H

#include "base/thread_team.h"
#include "ops/blocked/winograd/winograd_block.h"

/* Floats for the inputs of a round, the sums of a panel's segment and its transformed weights. */
struct filter_room {
    size_t inputs, sums, weights;
    size_t waiting;  /* sums that wait for the next cut of the depth, of every segment of a panel; 0: none */
    bool own_inputs; /* every thread has inputs of its own */
    bool apart;      /* and sums that wait, too */
};

/* What a thread has, and all have together. */
struct filter_share {
    float *inputs, *sums, *weights;
    const struct filter_source *sources; /* of the points' weights */
    size_t segment_sums; /* from the sums of one segment to the next; 0: a thread uses its own for all */
};

static inline int64_t filter_segments(const struct filter_shape *shape, int64_t tiles) {
    return divide_up(tiles, shape->segment);
}

struct blocked_bytes blocked_filter_bytes(const struct blocked_state *state, int threads);

/* Whose lattices go side by side with those of other phases, a block for each thread. */
bool filter_is_owned(const struct blocked_phase *phase);
/*
 * Where tiles form the weights: whether each thread takes panels of one phase after the other, through the whole depth,
 * and so shares nothing with others. Else all threads go through the depth together.
 */
bool filter_goes_apart(const struct blocked_state *state, int threads);
/* Floats for a block's inputs. */
size_t filter_input_floats(const struct filter_shape *shape);
/* As much room as this phase needs, too. */
void filter_add_room(struct filter_room *room, const struct blocked_phase *phase, int threads);
struct filter_room filter_room_for(const struct blocked_phase *phase, int threads);
/* For all phases of threads that go apart. */
struct filter_room filter_room_apart(const struct blocked_state *state, int threads);
/* What the calling thread has; the sources are the caller's. */
struct filter_share filter_share_of(const struct blocked_run *run, const struct filter_room *room,
                                    struct team_thread self);

#endif
