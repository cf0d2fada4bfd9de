#include "base/region.h"

#include "base/checked.h"
#include "base/memory_limits.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/*
 * A huge page that is ready takes a tenth of a millisecond to clear. Where a host must find the memory first, it takes
 * forty times as long: after one such page the process makes do with small ones.
 */
#define LATE_SECONDS 1e-3
static atomic_bool scarce;

bool region_reserve(struct region *region, size_t bytes, bool huge) {
    if (bytes <= region->bytes)
        return true;
    size_t mapping_bytes;
    if (!size_add(bytes, HUGE_PAGE, &mapping_bytes) || !memory_room_for("", bytes - region->bytes))
        return false;
    void *mapping = mmap(NULL, mapping_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        return false;
    const size_t skip = (HUGE_PAGE - (size_t)mapping % HUGE_PAGE) % HUGE_PAGE;
    huge = huge && bytes >= HUGE_PAGE;
    region_release(region);
    *region = (struct region){.base = (unsigned char *)mapping + skip,
                              .bytes = bytes,
                              .mapping = mapping,
                              .mapping_bytes = mapping_bytes,
                              .huge = huge,
                              .split = huge && atomic_load(&scarce)};
    if (huge && !region->split)
        madvise(region->base, bytes, MADV_HUGEPAGE);
    return true;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static void take_page(struct region *region, size_t place) {
    const double start = now();
    *(volatile unsigned char *)(region->base + place) = 0;
    if (now() - start > LATE_SECONDS)
        atomic_store(&scarce, true);
    region->taken = place + HUGE_PAGE;
}

void region_take(struct region *region, size_t bytes) {
    if (!region->huge || bytes <= region->taken)
        return;
    while (!region->split && region->taken < bytes && region->bytes - region->taken >= HUGE_PAGE) {
        take_page(region, region->taken);
        if (atomic_load(&scarce)) {
            region->split = true;
            madvise(region->base + region->taken, region->bytes - region->taken, MADV_NOHUGEPAGE);
        }
    }
    region->taken = bytes > region->taken ? bytes : region->taken;
}

void region_join(struct region *region) {
    if (!region->split)
        return;
    region->split = false;
    madvise(region->base, region->bytes, MADV_HUGEPAGE);
    madvise(region->base, region->taken / HUGE_PAGE * HUGE_PAGE, MADV_COLLAPSE);
}

void region_discard(struct region *region, size_t from, size_t to) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    from = (from + page - 1) / page * page;
    to = (to < region->bytes ? to : region->bytes) / page * page;
    if (from >= to)
        return;
    madvise(region->base + from, to - from, MADV_DONTNEED);
    if (region->taken > from)
        region->taken = from / HUGE_PAGE * HUGE_PAGE;
}

void region_release(struct region *region) {
    if (region->mapping)
        munmap(region->mapping, region->mapping_bytes);
    *region = (struct region){0};
}
