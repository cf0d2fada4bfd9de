/* Kinds of picture files: by their bytes, by their names, and what each can hold. */
#ifndef LIMNER_TOOLS_FILES_PICTURE_KINDS_H
#define LIMNER_TOOLS_FILES_PICTURE_KINDS_H

#include "tools/files/picture.h"

/* What the bytes begin like. */
enum picture_type picture_recognise(const void *bytes, size_t size);
/* Of any picture, read or not: "a HEIC picture"; NULL when it is none. */
const char *picture_name_of_bytes(const void *bytes, size_t size);
/* The message for a picture that this program does not read. */
status picture_refuse(const void *bytes, size_t size, struct error *err);

/* What the file's name ends like: a type that this program reads ("-" is PNG), PICTURE_FOREIGN for pictures that it
 * does not, or none. */
enum picture_type picture_type_of_name(const char *path);
/* The same, of a type that this program writes; else none. */
enum picture_type picture_written_of_name(const char *path);

struct picture_kind {
    enum picture_type type;
    const char *name;
    const char *endings[4]; /* the first is what results are called */
    bool is_read, is_written;
    bool has_16_bits, has_alpha;
    unsigned takes; /* TAKES_... */
};
/* Of PICTURE_PNG to PICTURE_JP2. */
const struct picture_kind *picture_kind(enum picture_type type);

/* "PNG, JPEG, WebP" and ".png, .jpg, .webp": what this program reads, and what it writes. */
const char *picture_types_read(void);
const char *picture_endings_written(void);

#endif
