/* Memory of the runtime: aligned pieces of the heap. */
#ifndef LIMNER_BASE_MEMORY_H
#define LIMNER_BASE_MEMORY_H

#include <stddef.h>

#define MEMORY_ALIGNMENT 64

/* At least `bytes` (never zero), 64-byte aligned, contents undefined; NULL without memory. For free(). */
void *memory_alloc(size_t bytes);

#endif
