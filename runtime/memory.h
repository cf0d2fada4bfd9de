/* Memory of the runtime: aligned pieces of the heap, and the one large block that a session computes in. */
#ifndef LIMNER_RUNTIME_MEMORY_H
#define LIMNER_RUNTIME_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/* At least `bytes` (never zero), 64-byte aligned, contents junk; NULL without memory. For free(). */
void *memory_alloc(size_t bytes);

/* Processors that this process may use, at least 1. */
int memory_processors(void);

/* Pages straight from the system: untouched ones cost nothing. Starts as {0}. */
struct region {
    unsigned char *base; /* 64-byte aligned, or NULL when empty */
    size_t bytes;
    void *mapping;
    size_t mapping_bytes;
};

/* Makes the region at least `bytes` long. Its contents are lost when it grows; false (unchanged) without memory. */
bool region_reserve(struct region *region, size_t bytes);
void region_release(struct region *region);
/* p points into the region. */
bool region_holds(const struct region *region, const void *p);

#endif
