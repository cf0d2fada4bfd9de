/* GIF's first picture, through giflib. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_GIF_H
#define LIMNER_TOOLS_FILES_PICTURE_GIF_H

#include "tools/files/picture.h"

status gif_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);

#endif
