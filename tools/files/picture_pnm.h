/* PNM: bitmaps, graymaps and pixmaps, plain and raw. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_PNM_H
#define LIMNER_TOOLS_FILES_PICTURE_PNM_H

#include "tools/files/picture.h"

status pnm_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
status pnm_encode(const struct picture *picture, struct byte_buffer *out, struct error *err);

#endif
