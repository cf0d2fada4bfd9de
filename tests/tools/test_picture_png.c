/* PNG files against an encoder written from the PNG specification: every kind of samples, palettes, damage, limits. */
#include "tests/support/some_picture.h"
#include "tests/support/support.h"
#include "tools/files/picture_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A picture as PNG stores it: samples of `depth` bits, `channels` of them a pixel. */
struct source {
    unsigned width, height;
    int colour, depth, channels;
    unsigned samples[64 * 64 * 4];
};

/* ---- a PNG encoder: stored deflate blocks, filter 0, Adam7 when asked ---- */

struct buffer {
    unsigned char data[1 << 16];
    size_t size;
};

static void put(struct buffer *buffer, const void *data, size_t size) {
    assert_true(buffer->size + size <= sizeof buffer->data);
    memcpy(buffer->data + buffer->size, data, size);
    buffer->size += size;
}

static void put32(struct buffer *buffer, uint32_t value) {
    const unsigned char bytes[] = {(unsigned char)(value >> 24), (unsigned char)(value >> 16),
                                   (unsigned char)(value >> 8), (unsigned char)value};
    put(buffer, bytes, 4);
}

static uint32_t crc32_of(const unsigned char *data, size_t size) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static void put_chunk(struct buffer *png, const char *type, const void *data, size_t size) {
    put32(png, (uint32_t)size);
    const size_t start = png->size;
    put(png, type, 4);
    if (size)
        put(png, data, size);
    put32(png, crc32_of(png->data + start, size + 4));
}

/* zlib's container round stored blocks. */
static void put_zlib(struct buffer *out, const struct buffer *raw) {
    uint32_t a = 1, b = 0;
    put(out, "\x78\x01", 2);
    for (size_t at = 0; at < raw->size || at == 0; at += 30000) {
        const size_t left = raw->size - at, size = left < 30000 ? left : 30000;
        const unsigned char head[] = {size == left, (unsigned char)size, (unsigned char)(size >> 8),
                                      (unsigned char)~size, (unsigned char)(~size >> 8)};
        put(out, head, 5);
        put(out, raw->data + at, size);
    }
    for (size_t i = 0; i < raw->size; i++) {
        a = (a + raw->data[i]) % 65521;
        b = (b + a) % 65521;
    }
    put32(out, b << 16 | a);
}

static const int channels_of[] = {1, 0, 3, 1, 2, 0, 4};

/* The rows of every pass; x0, y0, dx, dy as the specification's table gives them. */
static void put_pass(struct buffer *raw, const struct source *source, unsigned x0, unsigned y0, unsigned dx,
                     unsigned dy) {
    for (unsigned y = y0; y < source->height && x0 < source->width; y += dy) {
        unsigned char row[64 * 8] = {0};
        size_t bit = 0;
        for (unsigned x = x0; x < source->width; x += dx)
            for (int c = 0; c < source->channels; c++) {
                const unsigned sample =
                    source->samples[(y * source->width + x) * (unsigned)source->channels + (unsigned)c];
                for (int k = source->depth - 1; k >= 0; k--, bit++)
                    row[bit / 8] = (unsigned char)(row[bit / 8] | (sample >> k & 1) << (7 - bit % 8));
            }
        put(raw, "", 1);
        put(raw, row, (bit + 7) / 8);
    }
}

static void encode(struct buffer *png, const struct source *source, bool interlaced, const void *palette,
                   size_t palette_size, const void *transparent, size_t transparent_size) {
    static const unsigned passes[7][4] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                          {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};
    struct buffer *raw = calloc(1, sizeof *raw), *packed = calloc(1, sizeof *packed);
    struct buffer header = {{0}, 0};
    png->size = 0;
    put(png, "\x89PNG\r\n\x1a\n", 8);
    put32(&header, source->width);
    put32(&header, source->height);
    const unsigned char rest[] = {(unsigned char)source->depth, (unsigned char)source->colour, 0, 0, interlaced};
    put(&header, rest, 5);
    put_chunk(png, "IHDR", header.data, header.size);
    if (palette_size)
        put_chunk(png, "PLTE", palette, palette_size);
    if (transparent_size)
        put_chunk(png, "tRNS", transparent, transparent_size);
    if (!interlaced)
        put_pass(raw, source, 0, 0, 1, 1);
    for (int p = 0; interlaced && p < 7; p++)
        put_pass(raw, source, passes[p][0], passes[p][1], passes[p][2], passes[p][3]);
    put_zlib(packed, raw);
    put_chunk(png, "IDAT", packed->data, packed->size);
    put_chunk(png, "IEND", "", 0);
    free(raw);
    free(packed);
}

static void random_source(struct source *source, struct random *random, int colour, int depth, unsigned width,
                          unsigned height) {
    *source = (struct source){width, height, colour, depth, channels_of[colour], {0}};
    for (unsigned i = 0; i < width * height * (unsigned)source->channels; i++)
        source->samples[i] = (unsigned)random_int(random, 0, (1 << depth) - 1);
}

static struct picture decode(const struct buffer *png) {
    struct error err = {STATUS_OK, ""};
    struct picture picture;
    if (picture_decode(png->data, png->size, PICTURE_MAX_PIXELS, &picture, &err))
        fail_msg("not read: %s", err.message);
    return picture;
}

static void check_size(const struct picture *picture, const struct source *source, int channels, int depth) {
    assert_int_equal(picture->width, source->width);
    assert_int_equal(picture->height, source->height);
    assert_int_equal(picture->channels, channels);
    assert_int_equal(picture->depth, depth);
}

/* ---- reading ---- */

/* Every colour type and depth but palettes; below 8 bits gray is stretched to 0..255. */
static void test_png_kinds(void **state) {
    (void)state;
    static const int kinds[][2] = {{0, 1},  {0, 2}, {0, 4},  {0, 8}, {0, 16}, {2, 8},
                                   {2, 16}, {4, 8}, {4, 16}, {6, 8}, {6, 16}};
    struct random random = random_from(test_seed());
    struct buffer *png = calloc(1, sizeof *png);
    struct source *source = calloc(1, sizeof *source);
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int size = 0; size < 12; size++) {
            const int depth = kinds[k][1], peak = (1 << depth) - 1;
            random_source(source, &random, kinds[k][0], depth, (unsigned)random_int(&random, 1, 21),
                          (unsigned)random_int(&random, 1, 21));
            encode(png, source, size % 2 == 1, NULL, 0, NULL, 0);
            struct picture picture = decode(png);
            check_size(&picture, source, source->channels, depth == 16 ? 16 : 8);
            for (unsigned i = 0; i < source->width * source->height * (unsigned)source->channels; i++)
                assert_int_equal(picture_sample(&picture, i),
                                 depth == 16 ? source->samples[i] : source->samples[i] * 255 / (unsigned)peak);
            picture_free(&picture);
        }
    free(source);
    free(png);
}

static void test_png_palette(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct buffer *png = calloc(1, sizeof *png);
    struct source *source = calloc(1, sizeof *source);
    unsigned char palette[256 * 3], alpha[256];
    for (int run = 0; run < 32; run++) {
        const int depth = 1 << run % 4, entries = 1 << depth;
        const bool clear = run & 4, interlaced = run & 8;
        for (int i = 0; i < 3 * entries; i++)
            palette[i] = (unsigned char)random_int(&random, 0, 255);
        for (int i = 0; i < entries; i++)
            alpha[i] =
                i + 1 < entries ? (unsigned char)random_int(&random, 0, 255) : 255; /* the last one is left out */
        random_source(source, &random, 3, depth, (unsigned)random_int(&random, 1, 21),
                      (unsigned)random_int(&random, 1, 21));
        encode(png, source, interlaced, palette, (size_t)(3 * entries), alpha, clear ? (size_t)(entries - 1) : 0);
        struct picture picture = decode(png);
        check_size(&picture, source, clear ? 4 : 3, 8);
        for (size_t i = 0; i < picture.width * picture.height; i++) {
            for (size_t c = 0; c < 3; c++)
                assert_int_equal(picture_sample(&picture, i * (size_t)picture.channels + c),
                                 palette[source->samples[i] * 3 + c]);
            if (clear)
                assert_int_equal(picture_sample(&picture, i * 4 + 3), alpha[source->samples[i]]);
        }
        picture_free(&picture);
    }
    free(source);
    free(png);
}

/* One colour that is transparent: gray of 2 bits, RGB of 16. */
static void test_png_transparent_colour(void **state) {
    (void)state;
    struct buffer *png = calloc(1, sizeof *png);
    struct source *source = calloc(1, sizeof *source);
    *source = (struct source){4, 1, 0, 2, 1, {0, 1, 2, 3}};
    encode(png, source, false, NULL, 0, "\0\2", 2);
    struct picture picture = decode(png);
    check_size(&picture, source, 2, 8);
    assert_memory_equal(picture.samples, "\x00\xff\x55\xff\xaa\x00\xff\xff", 8);
    picture_free(&picture);
    *source = (struct source){2, 1, 2, 16, 3, {1, 2, 3, 1, 2, 4}};
    encode(png, source, false, NULL, 0, "\0\1\0\2\0\3", 6);
    picture = decode(png);
    check_size(&picture, source, 4, 16);
    assert_int_equal(picture_sample(&picture, 3), 0);
    assert_int_equal(picture_sample(&picture, 6), 4);
    assert_int_equal(picture_sample(&picture, 7), 65535);
    picture_free(&picture);
    free(source);
    free(png);
}

static void test_png_damaged(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct buffer *png = calloc(1, sizeof *png);
    struct source *source = calloc(1, sizeof *source);
    char message[ERROR_MESSAGE_BYTES];
    random_source(source, &random, 6, 8, 13, 9);
    encode(png, source, true, NULL, 0, NULL, 0);
    for (size_t size = 0; size < png->size; size++)
        assert_int_not_equal(try_picture(png->data, size, 1000, message), STATUS_OK);
    assert_non_null(strstr(message, "ends too early"));
    const struct buffer good = *png;
    for (int run = 0; run < test_cases(2000); run++) {
        *png = good;
        for (int k = 0; k < 1 + run % 3; k++)
            png->data[random_int(&random, 0, (int64_t)png->size - 1)] ^=
                (unsigned char)(1 << random_int(&random, 0, 7));
        try_picture(png->data, png->size, 1000, NULL);
    }
    free(source);
    free(png);
}

/* libpng takes as much memory as an eXIf chunk says that it has, before it finds that the file ends. */
static void test_png_chunk_length(void **state) {
    (void)state;
    static const unsigned char file[] = {0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,    0,   0,   13,  'I', 'H',
                                         'D',  'R',  0,    0,    0,    5,    0,    0,    0,    4,   16,  0,   0,   0,
                                         0,    0x33, 0xc8, 0x76, 0xdf, 0x25, 0x00, 0xed, 0x00, 'e', 'X', 'I', 'f', 0};
    char message[ERROR_MESSAGE_BYTES];
    assert_int_equal(try_picture(file, sizeof file, 1000, message), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(message, "has 620817664 bytes by its own words"));
}

static void test_limits(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct buffer *png = calloc(1, sizeof *png);
    struct source *source = calloc(1, sizeof *source);
    char message[ERROR_MESSAGE_BYTES];
    random_source(source, &random, 0, 8, 20, 10);
    encode(png, source, false, NULL, 0, NULL, 0);
    assert_int_equal(try_picture(png->data, png->size, 200, message), STATUS_OK);
    assert_int_equal(try_picture(png->data, png->size, 199, message), STATUS_LIMIT);
    assert_non_null(strstr(message, "--max-pixels"));
    source->width = source->height = 60000; /* a header that promises 3.6 gigapixels; no rows follow */
    struct buffer header = {{0}, 0};
    put(&header, "\x89PNG\r\n\x1a\n\0\0\0\15IHDR\0\0\xea\x60\0\0\xea\x60\10\0\0\0\0", 29);
    put32(&header, crc32_of(header.data + 12, 17));
    put_chunk(&header, "IDAT", "\x78\x01", 2);
    assert_int_equal(try_picture(header.data, header.size, PICTURE_MAX_PIXELS, message), STATUS_LIMIT);
    free(source);
    free(png);
}

static void test_png_written(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int run = 0; run < 16; run++) {
        struct error err = {STATUS_OK, ""};
        struct picture picture = random_picture(&random, 1 + run % 4, run & 4 ? 16 : 8, 17, 11), again;
        struct byte_buffer file;
        assert_int_equal(picture_encode(&picture, PICTURE_PNG, &file, &err), STATUS_OK);
        assert_int_equal(file.data[24], picture.depth); /* IHDR's depth and colour type */
        assert_int_equal(file.data[25], ((int[]){0, 0, 4, 2, 6})[picture.channels]);
        assert_int_equal(picture_decode(file.data, file.size, 1000, &again, &err), STATUS_OK);
        assert_int_equal(again.channels, picture.channels);
        assert_memory_equal(again.samples, picture.samples,
                            17 * 11 * (size_t)picture.channels * (size_t)picture.depth / 8);
        free(file.data);
        picture_free(&again);
        picture_free(&picture);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_png_kinds),
                                       cmocka_unit_test(test_png_palette),
                                       cmocka_unit_test(test_png_transparent_colour),
                                       cmocka_unit_test(test_png_damaged),
                                       cmocka_unit_test(test_png_chunk_length),
                                       cmocka_unit_test(test_limits),
                                       cmocka_unit_test(test_png_written)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}