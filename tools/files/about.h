/* What a picture file says beside its samples: how to hold it, its colours' profile, its resolution, notes. */
#ifndef LIMNER_TOOLS_FILES_ABOUT_H
#define LIMNER_TOOLS_FILES_ABOUT_H

#include "tools/files/file.h"

#include <stdint.h>

#define ORIENTATION_UPRIGHT 1

enum density_unit { DENSITY_NONE, DENSITY_ASPECT, DENSITY_METRE };

/* A PNG chunk as it stands in the file. */
struct about_chunk {
    char type[5];
    bool is_text; /* a note; else it says what the samples' colours mean */
    struct byte_buffer data;
};

struct picture_about {
    int orientation;                /* EXIF's tag, 1 to 8; samples in memory are upright whatever it says */
    enum density_unit density_unit; /* of the resolution */
    double density_x, density_y;    /* of the upright picture; per metre, or a ratio */
    struct byte_buffer profile;     /* ICC */
    struct byte_buffer exif;        /* a TIFF structure, without what a format puts before it */
    struct about_chunk *chunks;     /* of a PNG; of a JPEG the comments, as "COM "; "T..." is never written */
    size_t chunk_count;
    struct byte_buffer xmp; /* a packet; its own orientation is not looked at */
    bool xmp_continues;     /* in more segments of a JPEG, which are not read (pictures under the picture, mostly) */
};

/* Frees it with all that it holds; NULL is allowed. */
void about_free(struct picture_about *about);

/* Profile and resolution alone; the caller frees *copy. */
status about_copy_look(const struct picture_about *about, struct picture_about **copy, struct error *err);

/* Copies are on the heap and replace what was there. */
status about_set(struct byte_buffer *to, const void *data, size_t size, struct error *err);
status about_add_chunk(struct picture_about *about, const char *type, bool is_text, const void *data, size_t size,
                       struct error *err);
const struct about_chunk *about_find_chunk(const struct picture_about *about, const char *type);

/* Orientation and resolution as the EXIF data say. */
void about_read_exif(struct picture_about *about);

/* The channels of colour that the profile is for: 1, 3, 4; 0 when there is none, or it is for something else. */
int about_profile_colours(const struct picture_about *about);

/* What a format has a place for. */
enum {
    TAKES_PROFILE = 1,
    TAKES_ORIENTATION = 2,
    TAKES_EXIF = 4,
    TAKES_CHUNKS = 8,
    TAKES_COMMENTS = 16,
    TAKES_XMP = 32,
    TAKES_SHORT = 64 /* each in a segment of 64 KB, a profile in 255 of them */
};

/* What a written file takes over. */
struct about_wish {
    bool keep_orientation; /* the tag, with samples turned back */
    bool keep_metadata;    /* EXIF, XMP and notes */
    int colours;           /* channels of colour that are written */
    size_t width, height;  /* as written */
    unsigned takes;        /* what the format has a place for */
};
/* The orientation that is written. */
int about_orientation(const struct picture_about *about, const struct about_wish *wish);
/* *out is the caller's to about_free(); NULL when nothing is to be said. */
status about_derive(const struct picture_about *about, const struct about_wish *wish, struct picture_about **out,
                    struct error *err);

/* What about_derive leaves out, in words: "its EXIF data and notes"; "" when nothing of worth is lost. */
#define ABOUT_LOST_BYTES 200
const char *about_lost(const struct picture_about *about, const struct about_wish *wish, char text[ABOUT_LOST_BYTES]);

#endif
