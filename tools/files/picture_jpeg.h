/* JPEG through libjpeg. It leaves by longjmp: all that must survive one lives in a job, never in a local variable. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_JPEG_H
#define LIMNER_TOOLS_FILES_PICTURE_JPEG_H

#include "tools/files/picture.h"

status jpeg_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
status jpeg_encode(const struct picture *picture, int quality, struct byte_buffer *out, struct error *err);

#endif
