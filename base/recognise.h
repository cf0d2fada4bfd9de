/* What a file is, by its first bytes: one table for everyone who is given a file of another kind than it reads. */
#ifndef LIMNER_BASE_RECOGNISE_H
#define LIMNER_BASE_RECOGNISE_H

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Formats of pictures. */
enum picture_type {
    PICTURE_NONE,
    PICTURE_PNG,
    PICTURE_JPEG,
    PICTURE_WEBP,
    PICTURE_TIFF,
    PICTURE_BMP,
    PICTURE_PNM,
    PICTURE_GIF,
    PICTURE_JP2,
    PICTURE_FOREIGN /* a picture that is not read */
};

struct file_kind {
    const char *what;   /* "a Git LFS note" */
    const char *advice; /* what to do about it, or NULL */
    bool stand_in;      /* certainly there in the place of another file: a note, a page, a message of a server */
    bool text;          /* nothing but that it is text is known */
    enum picture_type picture;
};

/* NULL: not known. The first 4 KiB count. */
const struct file_kind *file_recognise(const void *data, size_t bytes);

/* "this is a Git LFS note, not an ONNX model; fetch the file itself with: git lfs pull" */
status fail_other_file(struct error *err, status code, const struct file_kind *kind, const char *wanted);

#endif
