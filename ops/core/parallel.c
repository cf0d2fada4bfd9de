#include "ops/core/parallel.h"

#include "base/thread_team.h"

struct blocks {
    size_t count, block;
    parallel_body *body;
    void *context;
};

static void run_blocks(void *context, int64_t first, int64_t end) {
    const struct blocks *blocks = context;
    for (int64_t i = first; i < end; i++) {
        const size_t begin = (size_t)i * blocks->block, left = blocks->count - begin;
        blocks->body(blocks->context, begin, left < blocks->block ? blocks->count : begin + blocks->block);
    }
}

void parallel_blocks(size_t count, size_t block, int threads, parallel_body *body, void *context) {
    const size_t blocks = count / block + (count % block != 0);
    team_for(threads, (int64_t)blocks, run_blocks, &(struct blocks){count, block, body, context});
}
