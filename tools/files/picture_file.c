#include "tools/files/picture_file.h"

#include "base/recognise.h"
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
    if (file_ends(path, ".png") || strcmp(path, "-") == 0)
        return PICTURE_PNG;
    return file_ends(path, ".jpg") || file_ends(path, ".jpeg") ? PICTURE_JPEG : PICTURE_NONE;
}

static status fail_no_picture(const void *bytes, size_t size, struct error *err) {
    const struct file_kind *kind = file_recognise(bytes, size);
    if (!kind)
        return fail(err, STATUS_INVALID_ARGUMENT, size ? "it is neither a PNG nor a JPEG picture" : "it is empty");
    return fail(err, STATUS_INVALID_ARGUMENT, "it is %s, neither a PNG nor a JPEG picture%s%s", kind->what,
                kind->stand_in ? "; " : "", kind->stand_in ? kind->advice : "");
}

status picture_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    *picture = (struct picture){0, 0, 0, 0, NULL};
    switch (picture_recognise(bytes, size)) {
    case PICTURE_PNG:
        return png_decode(bytes, size, max_pixels, picture, err);
    case PICTURE_JPEG:
        return jpeg_decode(bytes, size, max_pixels, picture, err);
    default:
        return fail_no_picture(bytes, size, err);
    }
}

status picture_encode(const struct picture *picture, enum picture_type type, struct bytes *out, struct error *err) {
    *out = (struct bytes){NULL, 0};
    return type == PICTURE_PNG ? png_encode(picture, out, err) : jpeg_encode(picture, out, err);
}
