/* What a PNG file says beside its samples, by a walk of our own over its parts. */
#ifndef LIMNER_TOOLS_FILES_ABOUT_PNG_H
#define LIMNER_TOOLS_FILES_ABOUT_PNG_H

#include "tools/files/about.h"

/* Finds less in a damaged file, and never fails for that: the only error is a lack of memory. */
status about_read_png(struct picture_about *about, const void *bytes, size_t size, struct error *err);

#endif
