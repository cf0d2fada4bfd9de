/* Large blocks of memory, straight from the system: untouched pages cost nothing, released ones go back at once. */
#ifndef LIMNER_BASE_REGION_H
#define LIMNER_BASE_REGION_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as {0}. */
struct region {
    unsigned char *base; /* at the start of a huge page, or NULL when empty */
    size_t bytes;
    void *mapping;
    size_t mapping_bytes;
    bool huge;    /* huge pages are wanted, */
    bool split;   /* but small ones had to do, at least from some place on */
    size_t taken; /* from the start, by region_take() */
};

/*
 * Makes the region at least `bytes` long, zeroed. Its contents are lost when it grows; false (unchanged) without
 * memory, of which a control group's limit counts, too. huge: in pages of 2 MB where the system gives them, which takes
 * up to 2 MB more.
 */
bool region_reserve(struct region *region, size_t bytes, bool huge);
/*
 * Says that the first `bytes` are about to be used: takes their huge pages, and makes do with small ones where the
 * system takes too long to find them, so that a first run does not wait for what pays only in many.
 */
void region_take(struct region *region, size_t bytes);
/* Makes up for that: small pages are joined to huge ones, in place. No-op where all is well, or the system cannot. */
void region_join(struct region *region);
/* Gives the whole pages between two places back; they are zero when they are used again. */
void region_discard(struct region *region, size_t from, size_t to);
void region_release(struct region *region);

#endif
