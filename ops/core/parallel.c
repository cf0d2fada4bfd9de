#include "ops/core/parallel.h"

static void run_block(size_t i, size_t count, size_t block, parallel_body *body, void *context) {
    const size_t begin = i * block;
    body(context, begin, count - begin < block ? count : begin + block);
}

void parallel_blocks(size_t count, size_t block, int threads, parallel_body *body, void *context) {
    const size_t blocks = count / block + (count % block != 0);
    if (threads <= 1 || blocks <= 1) {
        for (size_t i = 0; i < blocks; i++)
            run_block(i, count, block, body, context);
        return;
    }
#pragma omp parallel for schedule(static) num_threads(threads)
    for (size_t i = 0; i < blocks; i++)
        run_block(i, count, block, body, context);
}
