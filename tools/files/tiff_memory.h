/* A TIFF in memory, and what libtiff says about it. */
#ifndef LIMNER_TOOLS_FILES_TIFF_MEMORY_H
#define LIMNER_TOOLS_FILES_TIFF_MEMORY_H

#include "tools/files/file.h"

#include <tiffio.h>

struct tiff_memory {
    const unsigned char *data; /* what is read */
    unsigned char *written;    /* or written; on the heap */
    size_t size, at, capacity;
    char problem[200]; /* the first thing that went wrong, or "" */
    bool no_memory;
};

/* For reading memory->data, or for writing. max_bytes: what libtiff may ask for at once. NULL with memory->problem set.
 */
TIFF *tiff_memory_open(struct tiff_memory *memory, bool writing, size_t max_bytes);

#endif
