#include "tools/files/about_jpeg.h"

#include "tools/files/byte_order.h"

#include <stdlib.h>
#include <string.h>

enum { APP0 = 0xe0, APP1 = 0xe1, APP2 = 0xe2, COM = 0xfe, SOS = 0xda, EOI = 0xd9, SOI = 0xd8, RST0 = 0xd0, TEM = 1 };
static const char icc_name[] = "ICC_PROFILE"; /* with its zero */
static const char exif_name[] = "Exif\0";     /* with both */
static const char xmp_name[] = "http://ns.adobe.com/xap/1.0/";
static const char more_xmp_name[] = "http://ns.adobe.com/xmp/extension/";
#define ICC_HEAD (sizeof icc_name + 2)

struct segment {
    unsigned marker;
    const unsigned char *data;
    size_t size;
};

/* Parts of a profile, by their number. */
struct parts {
    struct segment items[256];
    unsigned count, found;
    bool damaged;
};

static bool stands_alone(unsigned marker) {
    return marker == TEM || (marker >= RST0 && marker <= SOI);
}

/* The segment at *at, which moves on; false where the scan begins or the file is damaged. */
static bool next_segment(const unsigned char *bytes, size_t size, size_t *at, struct segment *segment) {
    while (*at + 1 < size && bytes[*at] == 0xff && (bytes[*at + 1] == 0xff || stands_alone(bytes[*at + 1])))
        *at += bytes[*at + 1] == 0xff ? 1 : 2;
    if (*at > size || size - *at < 4 || bytes[*at] != 0xff)
        return false;
    const unsigned marker = bytes[*at + 1], length = big_endian_16(bytes + *at + 2);
    if (marker == SOS || marker == EOI || marker == 0 || length < 2 || length > size - *at - 2)
        return false;
    *segment = (struct segment){marker, bytes + *at + 4, length - 2};
    *at += 2 + (size_t)length;
    return true;
}

static bool begins(const struct segment *segment, unsigned marker, const char *name, size_t length) {
    return segment->marker == marker && segment->size >= length && memcmp(segment->data, name, length) == 0;
}

static void read_jfif(struct picture_about *about, const struct segment *segment) {
    static const double metre[] = {1, 1 / 0.0254, 100};
    const unsigned char *data = segment->data;
    if (segment->size < 12 || data[7] > 2 || !big_endian_16(data + 8) || !big_endian_16(data + 10))
        return;
    about->density_unit = data[7] ? DENSITY_METRE : DENSITY_ASPECT;
    about->density_x = big_endian_16(data + 8) * metre[data[7]];
    about->density_y = big_endian_16(data + 10) * metre[data[7]];
}

static void note_part(struct parts *parts, const struct segment *segment) {
    const unsigned number = segment->data[ICC_HEAD - 2], count = segment->data[ICC_HEAD - 1];
    if (!number || number > count || (parts->count && parts->count != count) || parts->items[number].data) {
        parts->damaged = true;
        return;
    }
    parts->count = count;
    parts->found++;
    parts->items[number] = (struct segment){APP2, segment->data + ICC_HEAD, segment->size - ICC_HEAD};
}

/* A profile of which parts are missing or there twice is none. */
static status join_parts(struct picture_about *about, const struct parts *parts, struct error *err) {
    size_t size = 0;
    if (parts->damaged || !parts->count || parts->found != parts->count)
        return STATUS_OK;
    for (unsigned i = 1; i <= parts->count; i++)
        size += parts->items[i].size;
    unsigned char *data = malloc(size ? size : 1);
    if (!data)
        return fail_memory(err, "a colour profile");
    about->profile = (struct byte_buffer){data, size};
    for (unsigned i = 1; i <= parts->count; i++) {
        memcpy(data, parts->items[i].data, parts->items[i].size);
        data += parts->items[i].size;
    }
    return STATUS_OK;
}

status about_read_jpeg(struct picture_about *about, const void *bytes, size_t size, struct error *err) {
    struct parts parts = {.count = 0};
    struct segment segment;
    size_t at = 2;
    status code = STATUS_OK;
    while (!code && next_segment(bytes, size, &at, &segment)) {
        if (begins(&segment, APP0, "JFIF", 5))
            read_jfif(about, &segment);
        else if (begins(&segment, APP1, exif_name, sizeof exif_name) && !about->exif.data)
            code = about_set(&about->exif, segment.data + sizeof exif_name, segment.size - sizeof exif_name, err);
        else if (begins(&segment, APP2, icc_name, sizeof icc_name) && segment.size >= ICC_HEAD)
            note_part(&parts, &segment);
        if (!code && begins(&segment, APP1, xmp_name, sizeof xmp_name) && !about->xmp.data)
            code = about_set(&about->xmp, segment.data + sizeof xmp_name, segment.size - sizeof xmp_name, err);
        if (begins(&segment, APP1, more_xmp_name, sizeof more_xmp_name))
            about->xmp_continues = true;
        if (!code && segment.marker == COM)
            code = about_add_chunk(about, "COM ", true, segment.data, segment.size, err);
    }
    return code ? code : join_parts(about, &parts, err);
}
