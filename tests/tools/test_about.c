/* What a picture's file says beside its samples: EXIF data whole and damaged, turning, profiles in parts, what goes
 * along. */
#include "tests/support/support.h"

#include "tools/files/about_jpeg.h"
#include "tools/files/about_png.h"
#include "tools/files/about_webp.h"
#include "tools/files/byte_order.h"
#include "tools/files/exif.h"
#include "tools/files/orientation.h"
#include "tools/files/picture_file.h"

#include <stdlib.h>
#include <string.h>

/* ---- EXIF ---- */

struct exif_data {
    unsigned char bytes[512];
    size_t size;
    bool big_endian;
};

static void put(struct exif_data *exif, size_t bytes, uint32_t value) {
    for (size_t i = 0; i < bytes; i++)
        exif->bytes[exif->size + i] = (unsigned char)(value >> 8 * (exif->big_endian ? bytes - 1 - i : i));
    exif->size += bytes;
}

static void put_entry(struct exif_data *exif, unsigned tag, unsigned type, uint32_t value) {
    put(exif, 2, tag);
    put(exif, 2, type);
    put(exif, 4, 1);
    put(exif, type == 3 ? 2 : 4, value);
    if (type == 3)
        put(exif, 2, 0);
}

/* Orientation, a description of one letter, the inner directory with the size, 72 dots by 36 an inch. */
static struct exif_data make_exif(bool big_endian, unsigned orientation) {
    struct exif_data exif = {.size = 0, .big_endian = big_endian};
    memcpy(exif.bytes, big_endian ? "MM" : "II", 2);
    exif.size = 2;
    put(&exif, 2, 42);
    put(&exif, 4, 8);
    put(&exif, 2, 6);
    put_entry(&exif, 0x10e, 4, 'A');
    put_entry(&exif, 0x112, 3, orientation);
    put_entry(&exif, 0x11a, 5, 116);
    put_entry(&exif, 0x11b, 5, 124);
    put_entry(&exif, 0x128, 3, 2);
    put_entry(&exif, 0x8769, 4, 86);
    put(&exif, 4, 0); /* at 82 */
    put(&exif, 2, 2);
    put_entry(&exif, 0xa002, 4, 1);
    put_entry(&exif, 0xa003, 3, 1);
    put(&exif, 4, 0); /* at 112 */
    put(&exif, 4, 72);
    put(&exif, 4, 1);
    put(&exif, 4, 72);
    put(&exif, 4, 2);
    return exif;
}

static void exif_is_read_and_made_true(void **state) {
    (void)state;
    for (unsigned tag = 0; tag <= 9; tag++)
        for (int big = 0; big < 2; big++) {
            struct exif_data exif = make_exif(big, tag);
            struct exif_facts facts;
            exif_read(exif.bytes, exif.size, &facts);
            assert_int_equal(facts.orientation, tag >= 1 && tag <= 8 ? tag : 1);
            assert_true(facts.per_metre_x > 2834.6 && facts.per_metre_x < 2834.7);
            assert_true(facts.per_metre_y > 1417.3 && facts.per_metre_y < 1417.4);
            assert_true(exif_has_notes(exif.bytes, exif.size));
            assert_true(exif_correct(exif.bytes, exif.size, 3, 70000, 7));
            exif_read(exif.bytes, exif.size, &facts);
            assert_int_equal(facts.orientation, 3);
            const unsigned char *wide = exif.bytes + 88 + 8, *high = wide + 12;
            assert_int_equal(big ? big_endian_32(wide) : little_endian_32(wide), 70000);
            assert_int_equal(big ? big_endian_16(high) : little_endian_16(high), 7);
            assert_false(exif_correct(exif.bytes, exif.size, 1, 7, 70000)); /* SHORT cannot hold it */
        }
}

static void the_least_exif_says_orientation(void **state) {
    (void)state;
    for (int orientation = 1; orientation <= 8; orientation++) {
        unsigned char least[EXIF_LEAST_BYTES];
        struct exif_facts facts;
        exif_write_orientation(least, orientation);
        exif_read(least, sizeof least, &facts);
        assert_int_equal(facts.orientation, orientation);
        assert_false(exif_has_notes(least, sizeof least));
    }
}

/* Every byte in turn is another, and the end comes at every place; memory of its own for each, so that sanitizers see.
 */
static void damaged_exif_does_no_harm(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int run = 0; run < test_cases(20000); run++) {
        struct exif_data exif = make_exif(run & 1, 6);
        const size_t size = run & 2 ? exif.size : (size_t)random_int(&random, 0, (int64_t)exif.size);
        for (int64_t i = random_int(&random, 0, 3); i > 0; i--)
            exif.bytes[random_int(&random, 0, (int64_t)exif.size - 1)] = (unsigned char)random_int(&random, 0, 255);
        unsigned char *copy = malloc(size ? size : 1);
        struct exif_facts facts;
        memcpy(copy, exif.bytes, size);
        exif_read(copy, size, &facts);
        assert_in_range(facts.orientation, 1, 8);
        exif_has_notes(copy, size);
        if (exif_correct(copy, size, 8, 20, 30)) {
            exif_read(copy, size, &facts);
            assert_int_equal(facts.orientation, 8);
        }
        free(copy);
    }
}

/* ---- turning ---- */

/* Where EXIF's specification puts row 0 and column 0 of what is stored: the sample at (x, y) as seen. */
static size_t stored_at(int orientation, size_t x, size_t y, size_t width, size_t height) {
    const size_t right = width - 1, bottom = height - 1; /* of what is stored */
    switch (orientation) {
    case 1: /* top, left */
        return y * width + x;
    case 2: /* top, right */
        return y * width + right - x;
    case 3: /* bottom, right */
        return (bottom - y) * width + right - x;
    case 4: /* bottom, left */
        return (bottom - y) * width + x;
    case 5: /* left, top */
        return x * width + y;
    case 6: /* right, top */
        return (bottom - x) * width + y;
    case 7: /* right, bottom */
        return (bottom - x) * width + right - y;
    default: /* left, bottom */
        return x * width + right - y;
    }
}

static void turning_follows_the_specification(void **state) {
    (void)state;
    struct error err;
    for (int orientation = 1; orientation <= 8; orientation++)
        for (int kind = 0; kind < 8; kind++) {
            const size_t width = 5, height = 3, channels = (size_t)kind % 4 + 1;
            struct picture picture = {width, height, (int)channels, kind < 4 ? 8 : 16, NULL, NULL};
            assert_int_equal(picture_allocate(&picture, 100, &err), STATUS_OK);
            for (size_t i = 0; i < width * height * channels; i++)
                picture_set_sample(&picture, i, (unsigned)i + 1);
            assert_int_equal(picture_turn_upright(&picture, orientation, &err), STATUS_OK);
            assert_int_equal(picture.width, orientation < 5 ? width : height);
            for (size_t i = 0; i < width * height * channels; i++) {
                const size_t pixel = i / channels, x = pixel % picture.width, y = pixel / picture.width;
                assert_int_equal(picture_sample(&picture, i),
                                 stored_at(orientation, x, y, width, height) * channels + i % channels + 1);
            }
            assert_int_equal(picture_turn_back(&picture, orientation, &err), STATUS_OK);
            for (size_t i = 0; i < width * height * channels; i++)
                assert_int_equal(picture_sample(&picture, i), i + 1);
            picture_free(&picture);
        }
}

/* ---- profiles in parts ---- */

struct file {
    unsigned char bytes[1024];
    size_t size;
};

static void put_part(struct file *file, unsigned number, unsigned count, const char *text) {
    const size_t length = strlen(text);
    const unsigned char head[] = {0xff, 0xe2, 0, (unsigned char)(16 + length)};
    memcpy(file->bytes + file->size, head, 4);
    memcpy(file->bytes + file->size + 4, "ICC_PROFILE", 12);
    file->bytes[file->size + 16] = (unsigned char)number;
    file->bytes[file->size + 17] = (unsigned char)count;
    memcpy(file->bytes + file->size + 18, text, length);
    file->size += 18 + length;
}

static void check_profile(const struct file *file, const char *expected) {
    struct picture_about *about = calloc(1, sizeof *about);
    struct error err;
    assert_int_equal(about_read_jpeg(about, file->bytes, file->size, &err), STATUS_OK);
    assert_int_equal(about->profile.size, strlen(expected));
    if (*expected)
        assert_memory_equal(about->profile.data, expected, strlen(expected));
    about_free(about);
}

static void profiles_come_in_parts(void **state) {
    (void)state;
    struct file file = {"\xff\xd8", 2};
    put_part(&file, 2, 3, "-two-");
    put_part(&file, 1, 3, "one");
    check_profile(&file, "");       /* the third is missing */
    file.bytes[file.size++] = 0xff; /* bytes of filling may stand before a marker */
    put_part(&file, 3, 3, "three");
    check_profile(&file, "one-two-three");
    struct file twice = file, other = file;
    put_part(&twice, 2, 3, "-two-");
    check_profile(&twice, "");
    put_part(&other, 4, 4, "four");
    check_profile(&other, "");
    struct file zero = {"\xff\xd8", 2};
    put_part(&zero, 0, 1, "none");
    check_profile(&zero, "");
}

/* A chunk or segment whose length leads out of the file ends the walk; what came before counts. */
static void lengths_that_lead_out_end_the_walk(void **state) {
    (void)state;
    struct picture_about *about = calloc(1, sizeof *about);
    struct error err;
    struct file jpeg = {"\xff\xd8", 2};
    put_part(&jpeg, 1, 1, "whole");
    memcpy(jpeg.bytes + jpeg.size,
           "\xff\xe1\xff\xff"
           "Exif\0",
           10);
    jpeg.size += 10;
    check_profile(&jpeg, "whole");
    const unsigned char webp[] = "RIFF\x20\0\0\0WEBPEXIF\3\0\0\0abc\0ICCP\xff\xff\xff\xff....";
    assert_int_equal(about_read_webp(about, webp, sizeof webp - 1, &err), STATUS_OK);
    assert_int_equal(about->exif.size, 3);
    assert_null(about->profile.data);
    const unsigned char png[] = "\x89PNG\r\n\x1a\n\xff\xff\xff\xff"
                                "eXIfMM\0*....";
    assert_int_equal(about_read_png(about, png, sizeof png - 1, &err), STATUS_OK);
    assert_int_equal(about->exif.size, 3);
    about_free(about);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exif_is_read_and_made_true), cmocka_unit_test(the_least_exif_says_orientation),
        cmocka_unit_test(damaged_exif_does_no_harm),  cmocka_unit_test(turning_follows_the_specification),
        cmocka_unit_test(profiles_come_in_parts),     cmocka_unit_test(lengths_that_lead_out_end_the_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
