#include "tools/files/picture_file.h"

#include "tools/files/picture_jpeg.h"
#include "tools/files/picture_png.h"

#include <string.h>

enum picture_type picture_recognise(const void *bytes, size_t size) {
    if (size >= 8 && memcmp(bytes, "\x89PNG\r\n\x1a\n", 8) == 0)
        return PICTURE_PNG;
    if (size >= 3 && memcmp(bytes, "\xff\xd8\xff", 3) == 0)
        return PICTURE_JPEG;
    return PICTURE_NONE;
}

enum picture_type picture_type_of_name(const char *path) {
    if (file_ends(path, ".png"))
        return PICTURE_PNG;
    return file_ends(path, ".jpg") || file_ends(path, ".jpeg") ? PICTURE_JPEG : PICTURE_NONE;
}

status picture_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    *picture = (struct picture){0, 0, 0, 0, NULL};
    switch (picture_recognise(bytes, size)) {
    case PICTURE_PNG:
        return png_decode(bytes, size, max_pixels, picture, err);
    case PICTURE_JPEG:
        return jpeg_decode(bytes, size, max_pixels, picture, err);
    default:
        return fail(err, STATUS_INVALID_ARGUMENT, size ? "it is neither a PNG nor a JPEG picture" : "it is empty");
    }
}

status picture_encode(const struct picture *picture, enum picture_type type, struct byte_buffer *out,
                      struct error *err) {
    *out = (struct byte_buffer){NULL, 0};
    return type == PICTURE_PNG ? png_encode(picture, out, err) : jpeg_encode(picture, out, err);
}
