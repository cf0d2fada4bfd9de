/* TIFF through libtiff: the first picture of a file. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_TIFF_H
#define LIMNER_TOOLS_FILES_PICTURE_TIFF_H

#include "tools/files/picture.h"

status tiff_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
status tiff_encode(const struct picture *picture, struct byte_buffer *out, struct error *err);

#endif
