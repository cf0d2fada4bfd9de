/* Picture files against an encoder written from the PNG specification, and pictures as tensors and back. */
#include "tests/support/support.h"

#include "tools/files/picture_file.h"
#include "tools/files/picture_tensor.h"

/* jpeglib.h wants it before it. */
#include <stdio.h>

#include <jpeglib.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

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

/* A picture as PNG stores it: samples of `depth` bits, `channels` of them a pixel. */
struct source {
    unsigned width, height;
    int colour, depth, channels;
    unsigned samples[64 * 64 * 4];
};

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

static status try(const void *data, size_t size, size_t max_pixels, char *message) {
    struct error err = {STATUS_OK, ""};
    struct picture picture;
    unsigned char *exact = malloc(size ? size : 1);
    if (size)
        memcpy(exact, data, size);
    const status code = picture_decode(exact, size, max_pixels, &picture, &err);
    if (code)
        assert_null(picture.samples);
    picture_free(&picture);
    free(exact);
    if (message)
        strcpy(message, err.message);
    return code;
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
        assert_int_not_equal(try(png->data, size, 1000, message), STATUS_OK);
    assert_non_null(strstr(message, "ends too early"));
    const struct buffer good = *png;
    for (int run = 0; run < test_cases(2000); run++) {
        *png = good;
        for (int k = 0; k < 1 + run % 3; k++)
            png->data[random_int(&random, 0, (int64_t)png->size - 1)] ^=
                (unsigned char)(1 << random_int(&random, 0, 7));
        try(png->data, png->size, 1000, NULL);
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
    assert_int_equal(try(file, sizeof file, 1000, message), STATUS_INVALID_ARGUMENT);
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
    assert_int_equal(try(png->data, png->size, 200, message), STATUS_OK);
    assert_int_equal(try(png->data, png->size, 199, message), STATUS_LIMIT);
    assert_non_null(strstr(message, "--max-pixels"));
    source->width = source->height = 60000; /* a header that promises 3.6 gigapixels; no rows follow */
    struct buffer header = {{0}, 0};
    put(&header, "\x89PNG\r\n\x1a\n\0\0\0\15IHDR\0\0\xea\x60\0\0\xea\x60\10\0\0\0\0", 29);
    put32(&header, crc32_of(header.data + 12, 17));
    put_chunk(&header, "IDAT", "\x78\x01", 2);
    assert_int_equal(try(header.data, header.size, PICTURE_MAX_PIXELS, message), STATUS_LIMIT);
    free(source);
    free(png);
}

static void test_no_picture(void **state) {
    (void)state;
    char message[ERROR_MESSAGE_BYTES];
    assert_int_not_equal(try("hello, world", 12, 1000, message), STATUS_OK);
    assert_non_null(strstr(message, "no picture of a known kind"));
    assert_int_not_equal(try("", 0, 1000, message), STATUS_OK);
    assert_non_null(strstr(message, "empty"));
    assert_int_equal(picture_type_of_name("a/b.PNG"), PICTURE_PNG);
    assert_int_equal(picture_type_of_name("b.jpeg"), PICTURE_JPEG);
    assert_int_equal(picture_type_of_name(".png"), PICTURE_NONE);
    assert_int_equal(picture_type_of_name("png"), PICTURE_NONE);
}

/* ---- writing ---- */

static struct picture random_picture(struct random *random, int channels, int depth, size_t width, size_t height) {
    struct error err = {STATUS_OK, ""};
    struct picture picture = {width, height, channels, depth, NULL, NULL};
    assert_int_equal(picture_allocate(&picture, PICTURE_MAX_PIXELS, &err), STATUS_OK);
    for (size_t i = 0; i < width * height * (size_t)channels; i++)
        picture_set_sample(&picture, i, (unsigned)random_int(random, 0, picture_peak(&picture)));
    return picture;
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

/* A picture without sharp edges, which JPEG keeps within a few steps. */
static struct picture smooth_picture(int channels, int depth) {
    struct random random = random_from(1);
    struct picture picture = random_picture(&random, channels, depth, 40, 24);
    for (size_t i = 0; i < 40 * 24 * (size_t)channels; i++)
        picture_set_sample(
            &picture, i,
            (unsigned)((i / (size_t)channels % 40 * 4 + i / (size_t)channels / 40 * 3) * (depth == 16 ? 257 : 1)));
    return picture;
}

static void test_jpeg_written(void **state) {
    (void)state;
    for (int run = 0; run < 8; run++) {
        struct error err = {STATUS_OK, ""};
        struct picture picture = smooth_picture(1 + run % 4, run & 4 ? 16 : 8), again;
        struct byte_buffer file;
        assert_int_equal(picture_encode(&picture, PICTURE_JPEG, &file, &err), STATUS_OK);
        assert_int_equal(picture_decode(file.data, file.size, 1000, &again, &err), STATUS_OK);
        assert_int_equal(again.depth, 8);
        assert_int_equal(again.channels, picture.channels >= 3 ? 3 : 1);
        for (size_t i = 0; i < 40 * 24; i++)
            for (size_t c = 0; c < (size_t)again.channels; c++) {
                const int was = (int)picture_sample(&picture, i * (size_t)picture.channels + c) / (run & 4 ? 257 : 1);
                const int is = (int)picture_sample(&again, i * (size_t)again.channels + c);
                assert_in_range(is - was + 4, 0, 8);
            }
        picture_free(&again);
        for (size_t size = 0; size < file.size - 2; size += 7) /* the last two bytes are the end marker */
            assert_int_not_equal(try(file.data, size, 1000, NULL), STATUS_OK);
        assert_int_equal(try(file.data, file.size, 40 * 24 - 1, NULL), STATUS_LIMIT);
        free(file.data);
        picture_free(&picture);
    }
}

static void test_jpeg_damaged(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct error err = {STATUS_OK, ""};
    struct picture picture = smooth_picture(3, 8);
    struct byte_buffer file;
    assert_int_equal(picture_encode(&picture, PICTURE_JPEG, &file, &err), STATUS_OK);
    unsigned char *copy = malloc(file.size);
    for (int run = 0; run < test_cases(2000); run++) {
        memcpy(copy, file.data, file.size);
        for (int k = 0; k < 1 + run % 3; k++)
            copy[random_int(&random, 3, (int64_t)file.size - 1)] ^= (unsigned char)(1 << random_int(&random, 0, 7));
        try(copy, file.size, 10000, NULL);
    }
    free(copy);
    free(file.data);
    picture_free(&picture);
}

/* One colour of ink on a picture of 8x8, as Adobe's programs write it (the complement of the ink). */
static struct byte_buffer ink_jpeg(const unsigned char stored[4]) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct byte_buffer file = {NULL, 0};
    unsigned long size = 0;
    unsigned char row[8 * 4];
    unsigned char *rows = row;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &file.data, &size);
    jpeg.image_width = jpeg.image_height = 8;
    jpeg.input_components = 4;
    jpeg.in_color_space = JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg_start_compress(&jpeg, TRUE); /* writes Adobe's marker */
    for (int x = 0; x < 8; x++)
        memcpy(row + 4 * x, stored, 4);
    while (jpeg.next_scanline < 8)
        jpeg_write_scanlines(&jpeg, &rows, 1);
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    file.size = size;
    return file;
}

static void test_jpeg_ink(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    struct picture picture;
    const unsigned char stored[] = {255, 128, 0, 200}; /* light that passes C, M, Y and K */
    struct byte_buffer file = ink_jpeg(stored);
    assert_int_equal(picture_decode(file.data, file.size, 100, &picture, &err), STATUS_OK);
    assert_int_equal(picture.channels, 3);
    assert_in_range(picture_sample(&picture, 0), 199, 201);
    assert_in_range(picture_sample(&picture, 1), 99, 102);
    assert_in_range(picture_sample(&picture, 2), 0, 1);
    picture_free(&picture);
    free(file.data);
}

/* ---- tensors ---- */

static const struct picture_form unit = {.high = 1};

static struct tensor to_tensor(const struct picture *picture, int channels, const struct picture_form *form,
                               enum dtype dtype) {
    struct error err = {STATUS_OK, ""};
    const int64_t dims[] = {-1, channels, -1, -1};
    const struct picture_place place = {"input", "x", dtype, 4, dims};
    struct tensor tensor;
    if (picture_to_tensor(picture, &place, form, &tensor, &err))
        fail_msg("%s", err.message);
    return tensor;
}

/* Out and in again gives the same samples, whatever the range. */
static void test_round_trip(void **state) {
    (void)state;
    static const struct picture_form forms[] = {
        {.high = 1}, {.low = -1, .high = 1}, {.high = 255, .blue_first = true}, {.low = 16, .high = 235}};
    struct random random = random_from(test_seed());
    for (int run = 0; run < 32; run++) {
        struct error err = {STATUS_OK, ""};
        const struct picture_form *form = &forms[run % 4];
        const int channels = (int[]){1, 3, 4}[run % 3], depth = run & 8 ? 16 : 8;
        struct picture picture = random_picture(&random, channels, depth, 19, 7), again;
        struct tensor tensor = to_tensor(&picture, channels, form, DTYPE_FLOAT);
        size_t nan;
        assert_int_equal(tensor_to_picture(&tensor, form, depth, &again, &nan, &err), STATUS_OK);
        assert_int_equal(nan, 0);
        assert_memory_equal(again.samples, picture.samples, 19 * 7 * (size_t)channels * (size_t)depth / 8);
        free(tensor.data);
        picture_free(&again);
        picture_free(&picture);
    }
}

static void test_channels(void **state) {
    (void)state;
    static unsigned char colours[] = {10, 200, 60, 51, 255, 0, 128, 255}; /* two pixels of RGBA */
    static unsigned char grays[] = {100, 51, 7, 0};                       /* two of gray and alpha */
    const struct picture rgba = {2, 1, 4, 8, colours, NULL}, gray = {2, 1, 2, 8, grays, NULL};
    const struct picture_form bytes = {.high = 255}, reversed = {.high = 255, .blue_first = true};
    struct tensor tensor = to_tensor(&rgba, 1, &bytes, DTYPE_FLOAT);
    assert_true(fabs((double)((float *)tensor.data)[0] - (0.299 * 10 + 0.587 * 200 + 0.114 * 60)) < 1e-4);
    free(tensor.data);
    tensor = to_tensor(&rgba, 3, &bytes, DTYPE_UINT8);
    assert_memory_equal(tensor.data, ((unsigned char[]){10, 255, 200, 0, 60, 128}), 6);
    free(tensor.data);
    tensor = to_tensor(&rgba, 4, &reversed, DTYPE_UINT8);
    assert_memory_equal(tensor.data, ((unsigned char[]){60, 128, 200, 0, 10, 255, 51, 255}), 8);
    free(tensor.data);
    tensor = to_tensor(&rgba, -1, &bytes, DTYPE_UINT8);
    assert_int_equal(tensor.shape.dims[1], 3);
    free(tensor.data);
    tensor = to_tensor(&gray, 4, &bytes, DTYPE_UINT8);
    assert_memory_equal(tensor.data, ((unsigned char[]){100, 7, 100, 7, 100, 7, 51, 0}), 8);
    free(tensor.data);
    const struct picture opaque = {1, 1, 1, 8, grays, NULL};
    tensor = to_tensor(&opaque, 4, &unit, DTYPE_DOUBLE);
    assert_true(((double *)tensor.data)[3] == 1.0);
    free(tensor.data);
}

static void refuse_place(const struct picture *picture, int rank, const int64_t *dims, enum dtype dtype,
                         const char *part) {
    struct error err = {STATUS_OK, ""};
    const struct picture_place place = {"input", "x", dtype, rank, dims};
    struct tensor tensor;
    assert_int_not_equal(picture_to_tensor(picture, &place, &unit, &tensor, &err), STATUS_OK);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
}

static void test_places(void **state) {
    (void)state;
    static unsigned char samples[6 * 4];
    const struct picture picture = {6, 4, 1, 8, samples, NULL};
    struct error err = {STATUS_OK, ""};
    refuse_place(&picture, 4, (int64_t[]){1, 3, 4, 8}, DTYPE_FLOAT, "6 wide and 4 high, but input \"x\" is 8 wide");
    refuse_place(&picture, 4, (int64_t[]){1, 3, 5, -1}, DTYPE_FLOAT, "5 high");
    refuse_place(&picture, 4, (int64_t[]){2, 3, 4, 6}, DTYPE_FLOAT, "2 pictures at once");
    refuse_place(&picture, 4, (int64_t[]){1, 4, 6, 3}, DTYPE_FLOAT, "");
    refuse_place(&picture, 4, (int64_t[]){1, 2, -1, -1}, DTYPE_FLOAT, "[1,2,?,?]");
    refuse_place(&picture, 3, (int64_t[]){-1, 4, 6}, DTYPE_FLOAT, "[?,4,6]");
    refuse_place(&picture, 2, (int64_t[]){4, 6}, DTYPE_FLOAT, "[4,6]");
    refuse_place(&picture, 0, NULL, DTYPE_FLOAT, "scalar");
    refuse_place(&picture, 4, (int64_t[]){1, 3, 4, 6}, DTYPE_STRING, "string");
    const int64_t flat[] = {1, 4, 6};
    const struct picture_place place = {"input", "x", DTYPE_FLOAT, 3, flat},
                               any = {"input", "x", DTYPE_FLOAT, -1, flat};
    struct tensor tensor;
    assert_int_equal(picture_to_tensor(&picture, &place, &unit, &tensor, &err), STATUS_OK);
    assert_int_equal(tensor.shape.rank, 3);
    free(tensor.data);
    assert_int_equal(picture_to_tensor(&picture, &any, &unit, &tensor, &err), STATUS_OK);
    assert_int_equal(tensor.shape.rank, 4);
    free(tensor.data);
}

static void test_rounding(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    float values[] = {-3, 0.4f / 255, 0.6f / 255, 254.4f / 255, 254.6f / 255, 7, NAN, INFINITY, -INFINITY};
    struct tensor tensor = {DTYPE_FLOAT, {4, {1, 1, 1, 9}}, values, sizeof values, false, false};
    struct picture picture;
    size_t nan;
    assert_int_equal(tensor_to_picture(&tensor, &unit, 8, &picture, &nan, &err), STATUS_OK);
    assert_memory_equal(picture.samples, ((unsigned char[]){0, 0, 1, 254, 255, 255, 0, 255, 0}), 9);
    assert_int_equal(nan, 1);
    picture_free(&picture);
    tensor.shape.dims[0] = 3;
    tensor.shape.dims[3] = 3;
    assert_int_equal(tensor_to_picture(&tensor, &unit, 8, &picture, &nan, &err), STATUS_SHAPE);
    assert_non_null(strstr(err.message, "[3,1,1,3]"));
}

static void test_alpha(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    struct error err = {STATUS_OK, ""};
    struct picture source = random_picture(&random, 4, 8, 9, 5), same = random_picture(&random, 3, 8, 9, 5);
    assert_int_equal(picture_copy_alpha(&same, &source, &err), STATUS_OK);
    assert_int_equal(same.channels, 4);
    for (size_t i = 0; i < 45; i++)
        assert_int_equal(picture_sample(&same, 4 * i + 3), picture_sample(&source, 4 * i + 3));
    /* twice the width: centres fall a quarter beside those of the source */
    static unsigned char two[] = {0, 0, 0, 200}; /* two pixels of gray and alpha */
    const struct picture narrow = {2, 1, 2, 8, two, NULL};
    struct picture wide = random_picture(&random, 1, 16, 4, 3);
    assert_int_equal(picture_copy_alpha(&wide, &narrow, &err), STATUS_OK);
    for (size_t y = 0; y < 3; y++)
        for (size_t x = 0; x < 4; x++)
            assert_int_equal(picture_sample(&wide, (y * 4 + x) * 2 + 1), ((unsigned[]){0, 50, 150, 200})[x] * 257);
    picture_free(&wide);
    picture_free(&same);
    picture_free(&source);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png_kinds),
        cmocka_unit_test(test_png_palette),
        cmocka_unit_test(test_png_transparent_colour),
        cmocka_unit_test(test_png_damaged),
        cmocka_unit_test(test_png_chunk_length),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_no_picture),
        cmocka_unit_test(test_png_written),
        cmocka_unit_test(test_jpeg_written),
        cmocka_unit_test(test_jpeg_damaged),
        cmocka_unit_test(test_jpeg_ink),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_channels),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_alpha),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
