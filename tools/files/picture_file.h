/* Pictures as files: which format, and from bytes to samples and back. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_FILE_H
#define LIMNER_TOOLS_FILES_PICTURE_FILE_H

#include "tools/files/picture.h"

/* The bytes may be anything. Messages do not name the file. The caller frees the picture. */
status picture_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);
/* The caller frees out->data. JPEG: 8 bits, alpha left out. */
status picture_encode(const struct picture *picture, enum picture_type type, struct byte_buffer *out,
                      struct error *err);

/* What the bytes begin like. */
enum picture_type picture_recognise(const void *bytes, size_t size);
/* What the file's name ends like. */
enum picture_type picture_type_of_name(const char *path);

#endif
