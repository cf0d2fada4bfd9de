#include "onnx/region.h"

#include "onnx/checked.h"

#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

bool region_reserve(struct region *region, size_t bytes, bool huge) {
    if (bytes <= region->bytes)
        return true;
    size_t mapping_bytes;
    if (!size_add(bytes, HUGE_PAGE, &mapping_bytes))
        return false;
    void *mapping = mmap(NULL, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    const size_t skip = (HUGE_PAGE - (size_t)mapping % HUGE_PAGE) % HUGE_PAGE;
    if (huge && bytes >= HUGE_PAGE)
        madvise((unsigned char *)mapping + skip, bytes, MADV_HUGEPAGE);
    region_release(region);
    *region = (struct region){(unsigned char *)mapping + skip, bytes, mapping, mapping_bytes};
    return true;
}

void region_release(struct region *region) {
    if (region->mapping)
        munmap(region->mapping, region->mapping_bytes);
    *region = (struct region){0};
}

bool region_holds(const struct region *region, const void *p) {
    return region->base && (size_t)p >= (size_t)region->base && (size_t)p - (size_t)region->base < region->bytes;
}
