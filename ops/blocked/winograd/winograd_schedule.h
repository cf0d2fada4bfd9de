/* Minimal filtering, for the files that say who does what: blocked_filter.c, blocked_rounds.c and blocked_room.c. */
#ifndef LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H
#define LIMNER_OPS_BLOCKED_WINOGRAD_WINOGRAD_SCHEDULE_H

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

/* ---- workspace (blocked_room.c) ---- */
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
struct filter_share filter_share_of(const struct blocked_run *run, const struct filter_room *room);

/* ---- blocks and rounds (blocked_rounds.c) ---- */
/* A lattice's block with this number; of one that does not exist `count` is not above 0. */
struct filter_block filter_block_of(const struct blocked_run *run, const struct blocked_phase *phase,
                                    const struct filter_lattice *lattice, int64_t image, int64_t number);
/* Blocks of the set of points that has most. */
int64_t filter_most_blocks(const struct blocked_phase *phase);
/* The panel-th panel of output channels, for one segment of so many tiles: of blocks from the given one on. */
struct filter_panel filter_panel_of(const struct filter_block *block, int64_t tiles, int64_t panel, int64_t segment,
                                    float *sums, const struct filter_share *share);
/* Transforms the inputs of a stretch of the depth, of all blocks of a round. */
void filter_read_blocks(struct filter_block *blocks, int count, int64_t depth0, int64_t depth_end);
/* All rounds of a phase, one after the other, by all threads together. */
void filter_run_shared(const struct blocked_run *run, const struct blocked_phase *phase);
/* Rounds of a phase that have one thread each. */
void filter_run_rounds(const struct blocked_run *run, const struct blocked_phase *phase);
/* All phases in pairs, by threads that go apart. */
void filter_run_apart(const struct blocked_run *run);

#endif
