#include "ops/core/work_queue.h"

void work_queue_start(struct work_queue *queue, int ranges) {
    queue->ranges = ranges < WORK_QUEUE_RANGES ? ranges : WORK_QUEUE_RANGES;
    for (int i = 0; i < queue->ranges; i++)
        atomic_store(&queue->range[i].taken, 0);
}

bool work_queue_take(struct work_queue *queue, struct team_thread self, int64_t units, int64_t *unit) {
    const int own = self.index % queue->ranges;
    for (int i = 0; i < queue->ranges; i++) {
        const int range = (own + i) % queue->ranges;
        const int64_t first = units * range / queue->ranges, end = units * (range + 1) / queue->ranges;
        if (atomic_load(&queue->range[range].taken) >= end - first)
            continue;
        *unit = first + atomic_fetch_add(&queue->range[range].taken, 1);
        if (*unit < end)
            return true;
    }
    return false;
}
