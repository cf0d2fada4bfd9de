/* BMP: uncompressed, of 1 to 32 bits a pixel. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_BMP_H
#define LIMNER_TOOLS_FILES_PICTURE_BMP_H

#include "tools/files/picture.h"

status bmp_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
status bmp_encode(const struct picture *picture, struct byte_buffer *out, struct error *err);

#endif
