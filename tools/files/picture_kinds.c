#include "tools/files/picture_kinds.h"

#include "tools/files/stream.h"

#include "picture_parts.h"

#include <string.h>

#define PNG_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_EXIF | TAKES_CHUNKS | TAKES_XMP)
#define JPEG_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_EXIF | TAKES_COMMENTS | TAKES_XMP | TAKES_SHORT)
#define WEBP_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_EXIF | TAKES_XMP)
#define TIFF_TAKES (TAKES_PROFILE | TAKES_ORIENTATION | TAKES_XMP)

static const struct picture_kind kinds[] = {
    {PICTURE_PNG, "PNG", {"png", "apng"}, true, true, true, true, PNG_TAKES},
    {PICTURE_JPEG, "JPEG", {"jpg", "jpeg", "jpe", "jfif"}, true, true, false, false, JPEG_TAKES},
    {PICTURE_WEBP, "WebP", {"webp"}, HAVE_WEBP, HAVE_WEBP, false, true, WEBP_TAKES},
    {PICTURE_TIFF, "TIFF", {"tif", "tiff"}, HAVE_TIFF, HAVE_TIFF, true, true, TIFF_TAKES},
    {PICTURE_BMP, "BMP", {"bmp", "dib"}, true, true, false, false, 0},
    {PICTURE_PNM, "PNM", {"pnm", "ppm", "pgm", "pbm"}, true, true, true, false, 0},
    {PICTURE_GIF, "GIF", {"gif"}, HAVE_GIF, false, false, true, 0},
    {PICTURE_JP2, "JPEG 2000", {"jp2", "j2k", "j2c"}, HAVE_JP2, false, true, true, 0},
};
#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* Formats that are known by name only. */
static const char *const foreign_endings[] = {"heic", "heif", "avif", "jxl", "psd", "psb", "exr", "hdr",
                                              "ico",  "svg",  "tga",  "dds", "raw", "dng", "cr2", "cr3",
                                              "nef",  "arw",  "orf",  "rw2", "qoi", "xcf", "pcx", "gifv"};

/* What the bytes are, when they are a picture. */
static const struct file_kind *find_kind(const void *bytes, size_t size) {
    const struct file_kind *found = size ? file_recognise(bytes, size) : NULL;
    return found && found->picture != PICTURE_NONE ? found : NULL;
}

enum picture_type picture_recognise(const void *bytes, size_t size) {
    const struct file_kind *found = find_kind(bytes, size);
    return found ? found->picture : PICTURE_NONE;
}

const char *picture_name_of_bytes(const void *bytes, size_t size) {
    const struct file_kind *found = find_kind(bytes, size);
    return found ? found->what : NULL;
}

status picture_refuse(const void *bytes, size_t size, struct error *err) {
    const struct file_kind *found = find_kind(bytes, size);
    if (!size || !found)
        return fail(err, STATUS_INVALID_ARGUMENT, size ? "it is no picture of a known kind (%s)" : "it is empty",
                    picture_types_read());
    if (found->picture == PICTURE_FOREIGN)
        return fail(err, STATUS_UNSUPPORTED, "it is %s, which is not read; convert it to PNG or JPEG (read are %s)",
                    found->what, picture_types_read());
    return fail(err, STATUS_UNSUPPORTED, "it is %s, but this limner was built without %s; convert it to PNG or JPEG",
                found->what, picture_kind(found->picture)->name);
}

/* ---- names ---- */

static bool ends_in(const char *path, const char *ending) {
    const char *dot = strrchr(path, '.');
    return dot && dot != path && dot[-1] != '/' && !strchr(dot, '/') && file_ends(dot, ending) &&
           strlen(dot + 1) == strlen(ending);
}

enum picture_type picture_type_of_name(const char *path) {
    if (stream_is_standard(path))
        return PICTURE_PNG;
    for (size_t i = 0; i < KIND_COUNT; i++)
        for (size_t k = 0; k < 4 && kinds[i].endings[k]; k++)
            if (ends_in(path, kinds[i].endings[k]))
                return kinds[i].is_read ? kinds[i].type : PICTURE_FOREIGN;
    for (size_t i = 0; i < sizeof foreign_endings / sizeof foreign_endings[0]; i++)
        if (ends_in(path, foreign_endings[i]))
            return PICTURE_FOREIGN;
    return PICTURE_NONE;
}

enum picture_type picture_written_of_name(const char *path) {
    const enum picture_type type = picture_type_of_name(path);
    return type != PICTURE_NONE && type != PICTURE_FOREIGN && picture_kind(type)->is_written ? type : PICTURE_NONE;
}

const struct picture_kind *picture_kind(enum picture_type type) {
    return &kinds[type - PICTURE_PNG];
}

const char *picture_types_read(void) {
    return "PNG, JPEG" LIST_WEBP LIST_TIFF LIST_GIF LIST_JP2 ", BMP, PNM";
}

const char *picture_endings_written(void) {
    return ".png, .jpg" ENDING_WEBP ENDING_TIFF ", .bmp or .pnm";
}
