#include "base/memory.h"

#include "base/checked.h"

#include <stdlib.h>

void *memory_alloc(size_t bytes) {
    size_t padded;
    if (!size_add(bytes, MEMORY_ALIGNMENT, &padded))
        return NULL;
    return aligned_alloc(MEMORY_ALIGNMENT, padded / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT);
}
