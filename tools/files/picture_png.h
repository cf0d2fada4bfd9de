/* PNG through libpng. libpng leaves by longjmp: all that must survive one lives in a job, never in a local variable. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_PNG_H
#define LIMNER_TOOLS_FILES_PICTURE_PNG_H

#include "tools/files/picture.h"

/* One file for each format. */
status png_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
status png_encode(const struct picture *picture, struct byte_buffer *out, struct error *err);

#endif
