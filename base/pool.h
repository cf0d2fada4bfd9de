/* A bump allocator: many small things with one lifetime, freed at once. */
#ifndef LIMNER_BASE_POOL_H
#define LIMNER_BASE_POOL_H

#include <stddef.h>

struct pool;

/* An empty pool, or NULL without memory. */
struct pool *pool_create(void);
/* Frees the pool and all that it gave out; NULL is allowed. */
void pool_destroy(struct pool *pool);

/* Zeroed memory of `bytes`, aligned to 64 when bytes >= 64, else to 16; NULL without memory. Lives until pool_destroy.
 */
void *pool_alloc(struct pool *pool, size_t bytes);
/* As pool_alloc for count items of item_bytes; NULL when the product overflows. */
void *pool_array(struct pool *pool, size_t count, size_t item_bytes);
/* A copy with a closing zero byte. */
char *pool_string(struct pool *pool, const char *text, size_t length);
char *pool_format(struct pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Bytes given out so far. */
size_t pool_bytes(const struct pool *pool);

#endif
