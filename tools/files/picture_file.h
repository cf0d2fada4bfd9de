/* Pictures as files: from bytes to samples and back. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_FILE_H
#define LIMNER_TOOLS_FILES_PICTURE_FILE_H

#include "tools/files/picture_kinds.h"

/* How results are written. */
struct picture_saving {
    int quality;           /* 1 to 100 for JPEG and WebP; 0: PICTURE_JPEG_QUALITY, and WebP without loss */
    bool keep_orientation; /* as the file had it, with its tag; else upright */
    bool keep_metadata;    /* EXIF and text; profile and resolution are always kept */
    bool through_srgb;     /* the model is given sRGB, the result has the picture's own profile */
};

/*
 * The bytes may be anything. Messages do not name the file. The caller frees the picture, which is upright, whatever
 * its file said; picture->about knows what that was.
 */
status picture_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err);

/* The caller frees out->data. 8 bits and no alpha where the format has no more. */
status picture_encode(const struct picture *picture, enum picture_type type, struct byte_buffer *out,
                      struct error *err);

/* The same, with what `about` (of the picture that the samples come from, or NULL) says of them, as far as it is
 * wished. */
status picture_save(const struct picture *picture, const struct picture_about *about, enum picture_type type,
                    const struct picture_saving *saving, struct byte_buffer *out, struct error *err);
/* What picture_save leaves out: about_lost's words. */
const char *picture_lost(const struct picture *picture, const struct picture_about *about, enum picture_type type,
                         const struct picture_saving *saving, char text[ABOUT_LOST_BYTES]);

/* What to do about it, to be said behind it. */
static inline const char *picture_lost_hint(const struct picture_saving *saving) {
    return saving->keep_metadata ? "" : " (--keep-metadata keeps what the format can hold)";
}

#endif
