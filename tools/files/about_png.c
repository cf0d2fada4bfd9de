#include "tools/files/about_png.h"

#include "tools/files/byte_order.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define MAX_PROFILE ((size_t)32 << 20)

struct chunk {
    const unsigned char *type, *data;
    size_t size;
};

/* The chunk at *at, which moves on; false at the end, or where the file is damaged. */
static bool next_chunk(const unsigned char *bytes, size_t size, size_t *at, struct chunk *chunk) {
    if (*at > size || size - *at < 12)
        return false;
    const unsigned char *start = bytes + *at;
    const uint32_t length = big_endian_32(start);
    if (length > size - *at - 12 || crc32(0, start + 4, length + 4) != big_endian_32(start + 8 + length))
        return false;
    *chunk = (struct chunk){start + 4, start + 8, length};
    *at += 12 + (size_t)length;
    return true;
}

static bool is(const struct chunk *chunk, const char *type) {
    return memcmp(chunk->type, type, 4) == 0;
}

static bool is_any(const struct chunk *chunk, const char *const types[], size_t count) {
    for (size_t i = 0; i < count; i++)
        if (is(chunk, types[i]))
            return true;
    return false;
}

static bool is_text(const struct chunk *chunk) {
    static const char *const types[] = {"tEXt", "zTXt", "iTXt"};
    return is_any(chunk, types, sizeof types / sizeof types[0]);
}

/* What the samples mean as colours, at the length that the specification gives. */
static bool is_colour(const struct chunk *chunk) {
    return (is(chunk, "gAMA") && chunk->size == 4) || (is(chunk, "cHRM") && chunk->size == 32) ||
           (is(chunk, "sRGB") && chunk->size == 1) || (is(chunk, "cICP") && chunk->size == 4);
}

/* A stream that is damaged, or longer than MAX_PROFILE, is left out. */
static status inflate_data(const unsigned char *data, size_t size, struct byte_buffer *out, struct error *err) {
    for (uLongf capacity = 32768; capacity <= MAX_PROFILE; capacity *= 4) {
        unsigned char *target = malloc(capacity);
        if (!target)
            return fail_memory(err, "a colour profile");
        uLongf length = capacity;
        const int result = uncompress(target, &length, data, (uLong)size);
        const status code = result == Z_OK ? about_set(out, target, length, err) : STATUS_OK;
        free(target);
        if (result == Z_MEM_ERROR)
            return fail_memory(err, "a colour profile");
        if (result != Z_BUF_ERROR)
            return code;
    }
    return STATUS_OK;
}

static status read_profile(struct picture_about *about, const struct chunk *chunk, struct error *err) {
    const unsigned char *end = memchr(chunk->data, 0, chunk->size < 80 ? chunk->size : 80);
    if (!end || about->profile.data)
        return STATUS_OK;
    const size_t name = (size_t)(end - chunk->data);
    if (chunk->size < name + 3 || end[1] != 0)
        return STATUS_OK;
    return inflate_data(end + 2, chunk->size - name - 2, &about->profile, err);
}

static void read_density(struct picture_about *about, const struct chunk *chunk) {
    const uint32_t x = big_endian_32(chunk->data), y = big_endian_32(chunk->data + 4);
    if (!x || !y)
        return;
    about->density_unit = chunk->data[8] == 1 ? DENSITY_METRE : DENSITY_ASPECT;
    about->density_x = x;
    about->density_y = y;
}

/* Behind the keyword: compression and its method, language and translated keyword, which end with zeros, the text. */
static status read_xmp(struct picture_about *about, const unsigned char *data, size_t size, struct error *err) {
    const unsigned char *language = size > 2 ? memchr(data + 2, 0, size - 2) : NULL;
    const size_t left = language ? size - (size_t)(language + 1 - data) : 0;
    const unsigned char *keyword = left ? memchr(language + 1, 0, left) : NULL;
    if (!keyword || about->xmp.data)
        return STATUS_OK;
    const size_t length = size - (size_t)(keyword + 1 - data);
    return data[0] ? inflate_data(keyword + 1, length, &about->xmp, err)
                   : about_set(&about->xmp, keyword + 1, length, err);
}

/* ---- what ImageMagick wrote before there was eXIf: bytes as a text of hexadecimal digits ---- */

static const char raw_name[] = "Raw profile type ";

/* Behind a line with the kind and one with the number of bytes; what is damaged is left out. */
static status decode_digits(const struct byte_buffer *text, struct byte_buffer *out, struct error *err) {
    const char *at = (const char *)text->data, *end = at + text->size;
    for (int line = 0; line < 3 && at; line++) { /* the first is empty */
        at = memchr(at, '\n', (size_t)(end - at));
        at = at ? at + 1 : NULL;
    }
    unsigned char *bytes = at ? malloc((size_t)(end - at) / 2 + 1) : NULL;
    size_t digits = 0;
    if (!at)
        return STATUS_OK;
    if (!bytes)
        return fail_memory(err, "what a picture says of itself");
    for (; at < end; at++) {
        static const char known[] = "0123456789abcdef";
        const char *digit = *at ? strchr(known, *at | 0x20) : NULL;
        if (!digit)
            continue;
        const unsigned value = (unsigned)(digit - known);
        bytes[digits / 2] = (unsigned char)(digits % 2 ? bytes[digits / 2] << 4 | value : value);
        digits++;
    }
    const status code = digits % 2 ? STATUS_OK : about_set(out, bytes, digits / 2, err);
    free(bytes);
    return code;
}

/* EXIF and XMP are read as those; others are not kept: they may show what was painted over. */
static status take_raw(struct picture_about *about, const struct byte_buffer *bytes, struct error *err) {
    static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/"; /* with the strings' own zeros */
    if (bytes->size > sizeof exif && memcmp(bytes->data, exif, sizeof exif) == 0 && !about->exif.data)
        return about_set(&about->exif, bytes->data + sizeof exif, bytes->size - sizeof exif, err);
    if (bytes->size > sizeof xmp && memcmp(bytes->data, xmp, sizeof xmp) == 0 && !about->xmp.data)
        return about_set(&about->xmp, bytes->data + sizeof xmp, bytes->size - sizeof xmp, err);
    return about_add_chunk(about, "TEXT", true, "", 0, err);
}

static bool is_raw(const struct chunk *chunk) {
    return (is(chunk, "tEXt") || is(chunk, "zTXt")) && chunk->size > sizeof raw_name &&
           memcmp(chunk->data, raw_name, sizeof raw_name - 1) == 0;
}

static status read_raw(struct picture_about *about, const struct chunk *chunk, struct error *err) {
    const unsigned char *end = memchr(chunk->data, 0, chunk->size < 80 ? chunk->size : 80);
    struct byte_buffer text = {NULL, 0}, bytes = {NULL, 0};
    status code = STATUS_OK;
    if (end) {
        const size_t left = chunk->size - (size_t)(end + 1 - chunk->data);
        const bool packed = is(chunk, "zTXt");
        if (packed && left > 1)
            code = inflate_data(end + 2, left - 1, &text, err);
        else if (!packed)
            code = about_set(&text, end + 1, left, err);
    }
    if (!code && text.data)
        code = decode_digits(&text, &bytes, err);
    if (!code)
        code = take_raw(about, &bytes, err);
    free(text.data);
    free(bytes.data);
    return code;
}

/* ---- chunks ---- */

static status read_chunk(struct picture_about *about, const struct chunk *chunk, struct error *err) {
    static const char xmp[] = "XML:com.adobe.xmp";
    char type[5] = {0};
    memcpy(type, chunk->type, 4);
    if (is(chunk, "iCCP"))
        return read_profile(about, chunk, err);
    if (is(chunk, "eXIf")) /* goes before a text of it */
        return about_set(&about->exif, chunk->data, chunk->size, err);
    if (is(chunk, "pHYs") && chunk->size == 9)
        read_density(about, chunk);
    if (is_colour(chunk) && !about_find_chunk(about, type))
        return about_add_chunk(about, type, false, chunk->data, chunk->size, err);
    if (is(chunk, "iTXt") && chunk->size > sizeof xmp && memcmp(chunk->data, xmp, sizeof xmp) == 0)
        return read_xmp(about, chunk->data + sizeof xmp, chunk->size - sizeof xmp, err);
    if (is_raw(chunk))
        return read_raw(about, chunk, err);
    if (is_text(chunk))
        return about_add_chunk(about, type, true, chunk->data, chunk->size, err);
    return STATUS_OK;
}

status about_read_png(struct picture_about *about, const void *bytes, size_t size, struct error *err) {
    size_t at = 8;
    struct chunk chunk;
    status code = STATUS_OK;
    while (!code && next_chunk(bytes, size, &at, &chunk) && !is(&chunk, "IEND"))
        code = read_chunk(about, &chunk, err);
    return code;
}
