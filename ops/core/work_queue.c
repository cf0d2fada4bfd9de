#include "ops/core/work_queue.h"

#include <omp.h>

void deal_begin(struct deal *deal, int threads) {
    deal->ranges = threads < DEAL_RANGES ? threads : DEAL_RANGES;
    for (int i = 0; i < deal->ranges; i++)
        atomic_store(&deal->range[i].taken, 0);
}

bool deal_take(struct deal *deal, int64_t units, int64_t *unit) {
    const int own = omp_get_thread_num() % deal->ranges;
    for (int i = 0; i < deal->ranges; i++) {
        const int range = (own + i) % deal->ranges;
        const int64_t first = units * range / deal->ranges, end = units * (range + 1) / deal->ranges;
        if (atomic_load(&deal->range[range].taken) >= end - first)
            continue;
        *unit = first + atomic_fetch_add(&deal->range[range].taken, 1);
        if (*unit < end)
            return true;
    }
    return false;
}
