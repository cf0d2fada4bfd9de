/* Copies of one block of bytes. */
#ifndef LIMNER_OPS_MOVEMENT_BLOCK_COPY_H
#define LIMNER_OPS_MOVEMENT_BLOCK_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* One block; the usual sizes become single moves. */
static inline void block_copy(char *to, const char *from, size_t bytes) {
    switch (bytes) {
    case 1:
        memcpy(to, from, 1);
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    case 16:
        memcpy(to, from, 16);
        break;
    default:
        memcpy(to, from, bytes);
    }
}

/* The same block `count` times, one after the other. */
void block_fill(char *to, const char *block, size_t bytes, int64_t count);

#endif
