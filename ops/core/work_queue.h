/*
 * Units of work dealt out to the threads of a team: each has a range of neighbouring ones, so that it meets again what
 * it wrote in the layer before, which may lie in its own caches alone; who is done helps the others.
 */
#ifndef LIMNER_OPS_CORE_WORK_QUEUE_H
#define LIMNER_OPS_CORE_WORK_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define DEAL_RANGES 32

struct deal {
    int ranges;
    struct {
        _Alignas(64) atomic_llong taken;
    } range[DEAL_RANGES];
};

/* Before the team begins, or behind its barrier: nothing is taken. */
void deal_begin(struct deal *deal, int threads);
/* The next unit of 0..units-1 for the calling thread of the team; false: all are taken. */
bool deal_take(struct deal *deal, int64_t units, int64_t *unit);

#endif
