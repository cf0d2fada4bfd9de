/* Picture files by their readers and writers (PNG: test_picture_png.c), and pictures as tensors and back. */
#include "tests/support/some_picture.h"
#include "tests/support/support.h"
#include "tools/files/picture_file.h"
#include "tools/files/picture_tensor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h> /* behind stdio.h, which it needs */

static void test_no_picture(void **state) {
    (void)state;
    char message[ERROR_MESSAGE_BYTES];
    assert_int_not_equal(try_picture("hello, world", 12, 1000, message), STATUS_OK);
    assert_non_null(strstr(message, "no picture of a known kind"));
    assert_int_not_equal(try_picture("", 0, 1000, message), STATUS_OK);
    assert_non_null(strstr(message, "empty"));
    assert_int_equal(picture_type_of_name("a/b.PNG"), PICTURE_PNG);
    assert_int_equal(picture_type_of_name("b.jpeg"), PICTURE_JPEG);
    assert_int_equal(picture_type_of_name(".png"), PICTURE_NONE);
    assert_int_equal(picture_type_of_name("png"), PICTURE_NONE);
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
            assert_int_not_equal(try_picture(file.data, size, 1000, NULL), STATUS_OK);
        assert_int_equal(try_picture(file.data, file.size, 40 * 24 - 1, NULL), STATUS_LIMIT);
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
        try_picture(copy, file.size, 10000, NULL);
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
        cmocka_unit_test(test_no_picture), cmocka_unit_test(test_jpeg_written), cmocka_unit_test(test_jpeg_damaged),
        cmocka_unit_test(test_jpeg_ink),   cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_channels),
        cmocka_unit_test(test_places),     cmocka_unit_test(test_rounding),     cmocka_unit_test(test_alpha)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}