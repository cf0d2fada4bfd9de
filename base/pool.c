#include "base/pool.h"

#include "base/checked.h"
#include "base/sizes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)64 << 10)
#define BLOCK_ALIGNMENT 64

struct block {
    struct block *next;
    size_t bytes, used; /* counted from the block's own start, header included */
};

struct pool {
    struct block *blocks; /* the first one is being filled */
    size_t given;
};

struct pool *pool_create(void) {
    return calloc(1, sizeof(struct pool));
}

void pool_destroy(struct pool *pool) {
    if (!pool)
        return;
    for (struct block *block = pool->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(pool);
}

static struct block *block_create(size_t payload) {
    size_t bytes;
    if (!size_add(payload, BLOCK_ALIGNMENT + round_up(sizeof(struct block), BLOCK_ALIGNMENT), &bytes))
        return NULL;
    bytes = round_up(bytes, BLOCK_ALIGNMENT);
    struct block *block = aligned_alloc(BLOCK_ALIGNMENT, bytes);
    if (block)
        *block = (struct block){.bytes = bytes, .used = sizeof *block};
    return block;
}

/* The next free place in the block with this alignment, or bytes beyond its end. */
static size_t block_offset(const struct block *block, size_t alignment) {
    return round_up(block->used, alignment);
}

static bool block_fits(const struct block *block, size_t bytes, size_t alignment) {
    const size_t offset = block_offset(block, alignment);
    return offset <= block->bytes && bytes <= block->bytes - offset;
}

/* A block with room: the present one, a new one, or one of its own for something large (kept behind the present one).
 */
static struct block *block_for(struct pool *pool, size_t bytes, size_t alignment) {
    if (pool->blocks && block_fits(pool->blocks, bytes, alignment))
        return pool->blocks;
    const bool large = bytes > BLOCK_BYTES / 4;
    struct block *block = block_create(large ? bytes : BLOCK_BYTES);
    if (!block)
        return NULL;
    if (large && pool->blocks) {
        block->next = pool->blocks->next;
        pool->blocks->next = block;
    } else {
        block->next = pool->blocks;
        pool->blocks = block;
    }
    return block;
}

void *pool_alloc(struct pool *pool, size_t bytes) {
    const size_t alignment = bytes >= 64 ? 64 : 16;
    struct block *block = block_for(pool, bytes, alignment);
    if (!block)
        return NULL;
    const size_t offset = block_offset(block, alignment);
    block->used = offset + bytes;
    pool->given += bytes;
    return memset((char *)block + offset, 0, bytes);
}

void *pool_array(struct pool *pool, size_t count, size_t item_bytes) {
    size_t bytes;
    return size_mul(count, item_bytes, &bytes) ? pool_alloc(pool, bytes) : NULL;
}

char *pool_string(struct pool *pool, const char *text, size_t length) {
    size_t bytes;
    char *copy = size_add(length, 1, &bytes) ? pool_alloc(pool, bytes) : NULL;
    if (copy && length)
        memcpy(copy, text, length);
    return copy;
}

char *pool_format(struct pool *pool, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    const int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    char *text = length < 0 ? NULL : pool_alloc(pool, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, again);
    va_end(again);
    return text;
}

size_t pool_bytes(const struct pool *pool) {
    return pool->given;
}
