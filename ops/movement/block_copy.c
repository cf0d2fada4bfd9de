#include "ops/movement/block_copy.h"

#define FILL_BYTES ((size_t)4 << 10)

void block_fill(char *to, const char *block, size_t bytes, int64_t count) {
    const size_t total = bytes * (size_t)count;
    if (total == 0)
        return;
    block_copy(to, block, bytes);
    /* What is there is copied behind itself, in pieces that stay in the cache. */
    for (size_t done = bytes; done < total;) {
        const size_t whole = done < FILL_BYTES ? done : FILL_BYTES / bytes * bytes;
        const size_t piece = whole ? whole : bytes;
        const size_t step = piece < total - done ? piece : total - done;
        memcpy(to + done, to, step);
        done += step;
    }
}
