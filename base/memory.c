#include "base/memory.h"

#include "base/checked.h"

#include <stdlib.h>

void *memory_alloc(size_t bytes) {
    size_t padded;
    if (!size_add(bytes, MEMORY_ALIGNMENT, &padded))
        return NULL;
    return aligned_alloc(MEMORY_ALIGNMENT, padded / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT);
}

bool memory_overlaps(const void *a, size_t a_bytes, const void *b, size_t b_bytes) {
    const size_t first = (size_t)a, second = (size_t)b;
    if (!a || !b || a_bytes == 0 || b_bytes == 0)
        return false;
    return first <= second ? second - first < a_bytes : first - second < b_bytes;
}
