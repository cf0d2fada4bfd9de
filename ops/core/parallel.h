/* Work on 0..count-1 in blocks whose borders depend on count and block alone, never on the number of threads. */
#ifndef LIMNER_OPS_CORE_PARALLEL_H
#define LIMNER_OPS_CORE_PARALLEL_H

#include <stddef.h>

/* Elements of one block where an element costs little; below two blocks threads do not pay. */
#define PARALLEL_ELEMENTS 16384

typedef void parallel_body(void *context, size_t begin, size_t end);

/* Calls body for every block, on up to `threads` threads. block >= 1. */
void parallel_blocks(size_t count, size_t block, int threads, parallel_body *body, void *context);

#endif
