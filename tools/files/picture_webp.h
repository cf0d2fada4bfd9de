/* WebP through libwebp, with the first picture of an animation. quality 0: without loss. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_WEBP_H
#define LIMNER_TOOLS_FILES_PICTURE_WEBP_H

#include "tools/files/picture.h"

status webp_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
status webp_encode(const struct picture *picture, int quality, struct byte_buffer *out, struct error *err);

#endif
