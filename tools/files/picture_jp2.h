/* JPEG 2000, through OpenJPEG. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_JP2_H
#define LIMNER_TOOLS_FILES_PICTURE_JP2_H

#include "tools/files/picture.h"

/* Files (.jp2) and bare codestreams (.j2k): gray and RGB, with alpha or without. */
status jp2_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);

#endif
