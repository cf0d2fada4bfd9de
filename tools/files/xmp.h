/* XMP packets: text of RDF, of which a few properties say again what the picture itself says. */
#ifndef LIMNER_TOOLS_FILES_XMP_H
#define LIMNER_TOOLS_FILES_XMP_H

#include "tools/files/file.h"

/*
 * Makes orientation and size true, cuts thumbnails out, which show what was painted over, and the note that a packet
 * continues elsewhere: properties as attributes and as elements. xmp->data is on the heap and replaced. xmp is empty
 * afterwards where it is not kept: with zero bytes (UTF-16), or with a thumbnail or such a note that cannot be cut out.
 */
status xmp_correct(struct byte_buffer *xmp, int orientation, size_t width, size_t height, struct error *err);

#endif
