/* Large blocks of memory, straight from the system: untouched pages cost nothing, released ones go back at once. */
#ifndef LIMNER_ONNX_REGION_H
#define LIMNER_ONNX_REGION_H

#include <stdbool.h>
#include <stddef.h>

/* Starts as {0}. */
struct region {
    unsigned char *base; /* at the start of a huge page, or NULL when empty */
    size_t bytes;
    void *mapping;
    size_t mapping_bytes;
};

/*
 * Makes the region at least `bytes` long, zeroed. Its contents are lost when it grows; false (unchanged) without
 * memory. huge: in pages of 2 MB where the system gives them, which takes up to 2 MB more.
 */
bool region_reserve(struct region *region, size_t bytes, bool huge);
void region_release(struct region *region);
/* p points into the region. */
bool region_holds(const struct region *region, const void *p);

#endif
