#include "tools/files/picture_bmp.h"

#include "base/checked.h"
#include "tools/files/byte_order.h"

#include <stdlib.h>
#include <string.h>

#define FILE_HEAD 14
#define INFO_HEAD 40
enum { PLAIN = 0, BIT_FIELDS = 3, ALPHA_BIT_FIELDS = 6 };

struct bmp {
    const unsigned char *bytes;
    size_t size;
    size_t head; /* of the second header */
    uint32_t width, height;
    bool top_down;
    unsigned bits, compression;
    const unsigned char *palette; /* blue, green, red and perhaps a byte more */
    size_t palette_step, palette_count;
    uint32_t masks[4]; /* red, green, blue, alpha */
    const unsigned char *rows;
    size_t row_bytes;
};

static status damaged(struct error *err) {
    return fail(err, STATUS_INVALID_ARGUMENT, "the BMP picture is damaged or ends too early");
}

/* Sides, bits and compression of either header. */
static bool read_head(struct bmp *bmp) {
    const unsigned char *head = bmp->bytes + FILE_HEAD;
    if (bmp->size < FILE_HEAD + 4 || (bmp->head = little_endian_32(head)) > bmp->size - FILE_HEAD || bmp->head < 12)
        return false;
    if (bmp->head == 12) {
        bmp->width = little_endian_16(head + 4);
        bmp->height = little_endian_16(head + 6);
        bmp->bits = little_endian_16(head + 10);
        return bmp->width && bmp->height;
    }
    if (bmp->head < INFO_HEAD)
        return false;
    const uint32_t height = little_endian_32(head + 8);
    bmp->top_down = height >> 31;
    bmp->width = little_endian_32(head + 4);
    bmp->height = bmp->top_down ? 0 - height : height;
    bmp->bits = little_endian_16(head + 14);
    bmp->compression = little_endian_32(head + 16);
    return bmp->width && bmp->height && bmp->width <= INT32_MAX && bmp->height <= INT32_MAX;
}

/* Where the bits of red, green, blue and alpha stand in a pixel of 16 or 32. */
static bool read_masks(struct bmp *bmp) {
    static const uint32_t plain16[4] = {0x7c00, 0x3e0, 0x1f, 0}, plain32[4] = {0xff0000, 0xff00, 0xff, 0};
    const size_t at = FILE_HEAD + INFO_HEAD;
    const bool has_alpha = bmp->compression == ALPHA_BIT_FIELDS || bmp->head >= 56;
    memcpy(bmp->masks, bmp->bits == 16 ? plain16 : plain32, sizeof bmp->masks);
    if (bmp->compression == PLAIN)
        return true;
    if (bmp->size < at + (has_alpha ? 16 : 12))
        return false;
    for (size_t i = 0; i < (has_alpha ? 4 : 3); i++)
        bmp->masks[i] = little_endian_32(bmp->bytes + at + 4 * i);
    return bmp->masks[0] && bmp->masks[1] && bmp->masks[2];
}

static bool read_palette(struct bmp *bmp) {
    const size_t at = FILE_HEAD + bmp->head;
    const uint32_t said = bmp->head >= INFO_HEAD ? little_endian_32(bmp->bytes + FILE_HEAD + 32) : 0;
    bmp->palette = bmp->bytes + at;
    bmp->palette_step = bmp->head == 12 ? 3 : 4;
    bmp->palette_count = said ? said : (size_t)1 << bmp->bits;
    return bmp->palette_count <= 256 && bmp->palette_count * bmp->palette_step <= bmp->size - at;
}

/* Where the rows lie, each at a multiple of four bytes. */
static bool read_place(struct bmp *bmp) {
    const size_t at = little_endian_32(bmp->bytes + 10);
    size_t bits;
    if (!size_mul(bmp->width, bmp->bits, &bits) || at > bmp->size)
        return false;
    bmp->row_bytes = (bits + 31) / 32 * 4;
    bmp->rows = bmp->bytes + at;
    return (bmp->size - at) / bmp->row_bytes >= bmp->height;
}

static status check_kind(const struct bmp *bmp, struct error *err) {
    const bool fields = bmp->compression == BIT_FIELDS || bmp->compression == ALPHA_BIT_FIELDS;
    const bool known = bmp->bits == 1 || bmp->bits == 4 || bmp->bits == 8 || bmp->bits == 24;
    const bool wide = bmp->bits == 16 || bmp->bits == 32;
    if ((known && bmp->compression == PLAIN) || (wide && (bmp->compression == PLAIN || fields)))
        return STATUS_OK;
    return fail(err, STATUS_UNSUPPORTED,
                "it is a BMP picture of %u bits a pixel with compression %u, which is not read; convert it to PNG",
                bmp->bits, bmp->compression);
}

/* The bits of a mask, stretched to 0..255. */
static unsigned field(uint32_t pixel, uint32_t mask) {
    if (!mask)
        return 0;
    const uint32_t lowest = mask & (0 - mask);
    const uint64_t most = mask / lowest, value = (pixel & mask) / lowest;
    return (unsigned)((value * 255 + most / 2) / most);
}

static void put_pixel(const struct bmp *bmp, const unsigned char *row, size_t x, unsigned char *to, bool alpha) {
    if (bmp->bits == 24) {
        for (size_t c = 0; c < 3; c++)
            to[c] = row[3 * x + 2 - c];
    } else if (bmp->bits >= 16) {
        const uint32_t pixel = bmp->bits == 16 ? little_endian_16(row + 2 * x) : little_endian_32(row + 4 * x);
        for (size_t c = 0; c < (alpha ? 4 : 3); c++)
            to[c] = (unsigned char)field(pixel, bmp->masks[c]);
    } else {
        const size_t bit = x * bmp->bits, index = row[bit / 8] >> (8 - bmp->bits - bit % 8) & ((1u << bmp->bits) - 1);
        for (size_t c = 0; c < 3; c++)
            to[c] = index < bmp->palette_count ? bmp->palette[index * bmp->palette_step + 2 - c] : 0;
    }
}

status bmp_decode(const void *bytes, size_t size, size_t max_pixels, struct picture *picture, struct error *err) {
    struct bmp bmp = {.bytes = bytes, .size = size};
    if (!read_head(&bmp))
        return damaged(err);
    status code = check_kind(&bmp, err);
    if (code)
        return code;
    if ((bmp.bits <= 8 && !read_palette(&bmp)) || (bmp.bits >= 16 && !read_masks(&bmp)) || !read_place(&bmp))
        return damaged(err);
    const bool alpha = bmp.bits >= 16 && bmp.masks[3];
    *picture = (struct picture){bmp.width, bmp.height, alpha ? 4 : 3, 8, NULL, NULL};
    code = picture_allocate(picture, max_pixels, err);
    for (size_t y = 0; !code && y < bmp.height; y++) {
        const unsigned char *row = bmp.rows + (bmp.top_down ? y : bmp.height - 1 - y) * bmp.row_bytes;
        unsigned char *to = (unsigned char *)picture->samples + y * bmp.width * (size_t)picture->channels;
        for (size_t x = 0; x < bmp.width; x++)
            put_pixel(&bmp, row, x, to + x * (size_t)picture->channels, alpha);
    }
    return code;
}

static void write_head(unsigned char *head, const struct picture *picture, size_t bytes) {
    memset(head, 0, FILE_HEAD + INFO_HEAD);
    memcpy(head, "BM", 2);
    put_little_endian_32(head + 2, (uint32_t)bytes);
    put_little_endian_32(head + 10, FILE_HEAD + INFO_HEAD);
    put_little_endian_32(head + 14, INFO_HEAD);
    put_little_endian_32(head + 18, (uint32_t)picture->width);
    put_little_endian_32(head + 22, (uint32_t)picture->height);
    head[26] = 1;
    head[28] = 24;
}

/* 24 bits a pixel, from the bottom up. */
status bmp_encode(const struct picture *picture, struct byte_buffer *out, struct error *err) {
    const size_t channels = (size_t)picture->channels, row = (picture->width * 3 + 3) / 4 * 4;
    size_t bytes;
    if (!size_mul(row, picture->height, &bytes) || bytes > INT32_MAX - FILE_HEAD - INFO_HEAD)
        return fail(err, STATUS_INVALID_ARGUMENT, "a BMP picture cannot be %zux%zu pixels", picture->width,
                    picture->height);
    out->size = FILE_HEAD + INFO_HEAD + bytes;
    out->data = calloc(out->size, 1);
    if (!out->data)
        return fail_memory(err, "a BMP picture");
    write_head(out->data, picture, out->size);
    for (size_t y = 0; y < picture->height; y++) {
        unsigned char *to = out->data + FILE_HEAD + INFO_HEAD + (picture->height - 1 - y) * row;
        for (size_t x = 0; x < picture->width; x++)
            for (size_t c = 0; c < 3; c++)
                to[3 * x + 2 - c] = (unsigned char)picture_sample(picture, (y * picture->width + x) * channels +
                                                                               (channels == 1 ? 0 : c));
    }
    return STATUS_OK;
}
