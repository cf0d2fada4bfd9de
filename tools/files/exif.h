/* EXIF data: a TIFF structure that anybody may have written. Every offset and count is checked; directories that point
 * at each other end at a limit. */
#ifndef LIMNER_TOOLS_FILES_EXIF_H
#define LIMNER_TOOLS_FILES_EXIF_H

#include <stdbool.h>
#include <stddef.h>

#define EXIF_LEAST_BYTES 26 /* with one tag */

struct exif_facts {
    int orientation;                 /* 1 to 8; 1 when nothing good is said */
    double per_metre_x, per_metre_y; /* resolution; 0: not said */
};
void exif_read(const unsigned char *data, size_t size, struct exif_facts *facts);

/* Something stands in it beside orientation, resolution and size. */
bool exif_has_notes(const unsigned char *data, size_t size);

/*
 * Makes the tags of orientation and size true, and takes away the thumbnail, which shows the picture as it was. False
 * when the data are damaged: they should be left out then.
 */
bool exif_correct(unsigned char *data, size_t size, int orientation, size_t width, size_t height);

/* EXIF data that say the orientation and nothing else. */
void exif_write_orientation(unsigned char data[EXIF_LEAST_BYTES], int orientation);

#endif
