#include "tools/files/about_webp.h"

#include "tools/files/byte_order.h"

#include <string.h>

/* Some writers put JPEG's name before the data. */
static size_t exif_start(const unsigned char *data, size_t size) {
    return size >= 6 && memcmp(data, "Exif\0\0", 6) == 0 ? 6 : 0;
}

static status read_chunk(struct picture_about *about, const unsigned char *chunk, size_t length, struct error *err) {
    const unsigned char *data = chunk + 8;
    if (memcmp(chunk, "ICCP", 4) == 0 && !about->profile.data)
        return about_set(&about->profile, data, length, err);
    if (memcmp(chunk, "EXIF", 4) == 0 && !about->exif.data) {
        const size_t start = exif_start(data, length);
        return about_set(&about->exif, data + start, length - start, err);
    }
    if (memcmp(chunk, "XMP ", 4) == 0 && !about->xmp.data)
        return about_set(&about->xmp, data, length, err);
    return STATUS_OK;
}

status about_read_webp(struct picture_about *about, const void *bytes, size_t size, struct error *err) {
    const unsigned char *file = bytes;
    status code = STATUS_OK;
    for (size_t at = 12; !code && at < size && size - at >= 8;) {
        const size_t length = little_endian_32(file + at + 4);
        if (length > size - at - 8)
            break;
        code = read_chunk(about, file + at, length, err);
        at += 8 + length + length % 2;
    }
    return code;
}
