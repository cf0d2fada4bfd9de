/* Pictures in memory, and reading and writing them as files. They are upright in memory. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_H
#define LIMNER_TOOLS_FILES_PICTURE_H

#include "base/recognise.h"
#include "tools/files/about.h"

#include <stdint.h>

#define PICTURE_MAX_PIXELS 100000000 /* the default of --max-pixels */
#define PICTURE_JPEG_QUALITY 95

struct picture {
    size_t width, height;
    int channels;                /* 1 gray, 2 gray and alpha, 3 RGB, 4 RGB and alpha */
    int depth;                   /* 8 or 16 bits a sample */
    void *samples;               /* row-major, channels together, in the machine's byte order; on the heap */
    struct picture_about *about; /* what its file said beside; NULL when nothing is known */
};

static inline int picture_has_alpha(const struct picture *picture) {
    return picture->channels % 2 == 0;
}
static inline unsigned picture_peak(const struct picture *picture) {
    return picture->depth == 16 ? 65535 : 255;
}
/* Sample number `at`, counted over all pixels and channels. */
static inline unsigned picture_sample(const struct picture *picture, size_t at) {
    return picture->depth == 16 ? ((const uint16_t *)picture->samples)[at] : ((const uint8_t *)picture->samples)[at];
}
static inline void picture_set_sample(struct picture *picture, size_t at, unsigned value) {
    if (picture->depth == 16)
        ((uint16_t *)picture->samples)[at] = (uint16_t)value;
    else
        ((uint8_t *)picture->samples)[at] = (uint8_t)value;
}

/* Zeroed samples for the size, channels and depth that are set. STATUS_LIMIT above max_pixels. */
status picture_allocate(struct picture *picture, size_t max_pixels, struct error *err);
/* The samples alone; the caller frees to. STATUS_LIMIT above max_pixels. */
status picture_copy(const struct picture *from, size_t max_pixels, struct picture *to, struct error *err);
/* Frees the samples and what is said about them; an empty picture is allowed. */
void picture_free(struct picture *picture);

#endif
