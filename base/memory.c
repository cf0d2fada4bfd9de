#include "base/memory.h"

#include "base/checked.h"

#include <sched.h>
#include <stdlib.h>

void *memory_alloc(size_t bytes) {
    size_t padded;
    if (!size_add(bytes, MEMORY_ALIGNMENT, &padded))
        return NULL;
    return aligned_alloc(MEMORY_ALIGNMENT, padded / MEMORY_ALIGNMENT * MEMORY_ALIGNMENT);
}

int memory_processors(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    const int count = CPU_COUNT(&set);
    return count > 0 ? count : 1;
}
