/*
 * A work-stealing queue of units 0..units-1 for the threads of a team. Each has a range of neighbouring units, so that
 * it reads what it wrote in the layer before, which may lie in its own caches alone; a thread whose range is empty
 * takes from the others.
 */
#ifndef LIMNER_OPS_CORE_WORK_QUEUE_H
#define LIMNER_OPS_CORE_WORK_QUEUE_H

#include "base/thread_team.h"

#include <stdatomic.h>
#include <stdbool.h>

#define WORK_QUEUE_RANGES 32

struct work_queue {
    int ranges;
    struct {
        _Alignas(64) atomic_llong taken;
    } range[WORK_QUEUE_RANGES];
};

/*
 * Makes all units untaken; only before the team begins, or while no thread takes from the queue. As many ranges as the
 * team has threads; with one range all threads take units in order.
 */
void work_queue_start(struct work_queue *queue, int ranges);
/* The next unit for the calling thread; false: all are taken. */
bool work_queue_take(struct work_queue *queue, struct team_thread self, int64_t units, int64_t *unit);

#endif
