/* Memory of the runtime: aligned pieces of the heap. */
#ifndef LIMNER_BASE_MEMORY_H
#define LIMNER_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/* At least `bytes` (never zero), 64-byte aligned, contents undefined; NULL without memory. For free(). */
void *memory_alloc(size_t bytes);
/* The two pieces have a byte in common; NULL and pieces of no bytes have none. */
bool memory_overlaps(const void *a, size_t a_bytes, const void *b, size_t b_bytes);

#endif
