/* PyTorch's containers by hand: zip files, and the format before them. */
#include "tests/support/checkpoint_file.h"
#include "tests/support/support.h"

#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- zip ---- */

static const char small_pickle[] = "\x80\2}" KEY("a", "\1") GOOD "s.";

#define PICKLE_MEMBER \
    { .name = "a/data.pkl", .data = small_pickle, .size = sizeof small_pickle - 1 }

static void refuse_zip(const struct zip_member *members, size_t count, const struct zip_end *end, const char *part) {
    struct file_bytes zip = zip_build(members, count, end);
    refuse_saved(zip.data, zip.size, NULL, part);
    bytes_free(&zip);
}

#define REFUSE_ZIP(END, PART, ...)                                             \
    do {                                                                       \
        const struct zip_member members_[] = {__VA_ARGS__};                    \
        refuse_zip(members_, sizeof members_ / sizeof members_[0], END, PART); \
    } while (0)

static void test_zip_entries_refused(void **state) {
    (void)state;
    REFUSE_ZIP(NULL, "without an entry", STORAGE_MEMBER);
    REFUSE_ZIP(NULL, "without an entry", {.name = "data.pkl", .data = "", .size = 0});
    REFUSE_ZIP(NULL, "two checkpoints", PICKLE_MEMBER, {.name = "b/data.pkl", .data = "", .size = 0});
    REFUSE_ZIP(NULL, "two zip entries \"a/data/0\"", PICKLE_MEMBER, STORAGE_MEMBER, STORAGE_MEMBER);
    REFUSE_ZIP(NULL, "a/data/0\" is damaged: it does not unpack to its 24 bytes", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .method = 8});
    REFUSE_ZIP(NULL, "compressed in a way that is not read", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .method = 14});
    REFUSE_ZIP(NULL, "is encrypted", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .flags = 1});
    REFUSE_ZIP(NULL, "its checksum is", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .checksum = 77});
    REFUSE_ZIP(NULL, "has another name", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .local_name = "a/data/1"});
    REFUSE_ZIP(NULL, "in 24 of 4000000000 bytes", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .whole = 4000000000});
    REFUSE_ZIP(NULL, "reaches into the archive's directory", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .whole = 25, .stored = 25});
    REFUSE_ZIP(NULL, "lacks its ZIP64 sizes", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .whole = UINT32_MAX});
    REFUSE_ZIP(NULL, "does not begin at byte 4000000000", PICKLE_MEMBER,
               {.name = "a/data/0", .data = saved_numbers, .size = 24, .place = 4000000000});
    REFUSE_ZIP(NULL, "overlap",
               {.name = "a/data.pkl",
                .data = small_pickle,
                .size = sizeof small_pickle - 1,
                .whole = sizeof small_pickle + 10,
                .stored = sizeof small_pickle + 10,
                .checksum = 1},
               STORAGE_MEMBER);
}

static void test_zip_names_refused(void **state) {
    (void)state;
    static const char *const names[] = {"a/../b", "../a", "/a", "a\\b", "", "a/..", "./a"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        REFUSE_ZIP(NULL, "not allowed", PICKLE_MEMBER, STORAGE_MEMBER, {.name = names[i], .data = "", .size = 0});
}

static void test_zip_ends_refused(void **state) {
    (void)state;
    REFUSE_ZIP((&(struct zip_end){.count = 60000}), "claims 60000 entries", PICKLE_MEMBER, STORAGE_MEMBER);
    REFUSE_ZIP((&(struct zip_end){.count = 1}), "does not end with its last entry", PICKLE_MEMBER, STORAGE_MEMBER);
    REFUSE_ZIP((&(struct zip_end){.begin = 3}), "damaged at byte 3", PICKLE_MEMBER, STORAGE_MEMBER);
    REFUSE_ZIP((&(struct zip_end){.begin = 4000000000}), "does not end before", PICKLE_MEMBER, STORAGE_MEMBER);
    REFUSE_ZIP((&(struct zip_end){.length = 4000000000}), "does not end before", PICKLE_MEMBER, STORAGE_MEMBER);
    REFUSE_ZIP((&(struct zip_end){.disk = 1}), "one part of several", PICKLE_MEMBER, STORAGE_MEMBER);
    refuse_saved("PK\3\4", 4, NULL, "no end record");
}

static void test_zip_contents_refused(void **state) {
    (void)state;
    REFUSE_ZIP(NULL, "torch.export", {.name = "a/archive_format", .data = "pt2", .size = 3});
    REFUSE_ZIP(NULL, "Keras", {.name = "model.weights.h5", .data = "", .size = 0});
    REFUSE_ZIP(NULL, "big-endian", PICKLE_MEMBER, STORAGE_MEMBER, {.name = "a/byteorder", .data = "big", .size = 3});
    REFUSE_ZIP(NULL, "neither", PICKLE_MEMBER, STORAGE_MEMBER, {.name = "a/byteorder", .data = "pdp", .size = 3});
    REFUSE_ZIP(NULL, "ends early", {.name = "a/data.pkl", .data = small_pickle, .size = sizeof small_pickle - 2},
               STORAGE_MEMBER);
    REFUSE_ZIP(NULL, "more than the limit of 67108864",
               {.name = "a/data.pkl", .data = small_pickle, .size = 9, .whole = 4000000000, .method = 8});
    REFUSE_ZIP(NULL, "9 bytes cannot unpack to 60000000",
               {.name = "a/data.pkl", .data = small_pickle, .size = 9, .whole = 60000000, .method = 8});
}

static void test_zip_forms(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    /* Any folder name, no checksums, directory entries, a comment-less ZIP64 directory. */
    const struct zip_member members[] = {
        {.name = "any name/", .data = "", .size = 0},
        {.name = "any name/data.pkl", .data = small_pickle, .size = sizeof small_pickle - 1, .checksum = 1},
        {.name = "any name/data/0", .data = saved_numbers, .size = sizeof saved_numbers, .flags = 0x808},
        {.name = "any name/byteorder", .data = "little", .size = 6}};
    for (int wide = 0; wide < 2; wide++) {
        struct file_bytes zip = wide ? zip_build64(members, 4) : zip_build(members, 4, NULL);
        struct checkpoint *checkpoint;
        if (checkpoint_load_memory(zip.data, zip.size, "x.pth", NULL, &checkpoint, &err))
            fail_msg("%s", err.message);
        const struct checkpoint_tensor *tensor = checkpoint_find(checkpoint, "a");
        assert_non_null(tensor);
        assert_memory_equal(tensor->storage, saved_numbers, sizeof saved_numbers);
        assert_true((const unsigned char *)tensor->storage > zip.data &&
                    (const unsigned char *)tensor->storage < zip.data + zip.size);
        checkpoint_close(checkpoint);
        bytes_free(&zip);
    }
    /* A wrong checksum passes when nobody looks. */
    const struct zip_member wrong[] = {PICKLE_MEMBER,
                                       {.name = "a/data/0", .data = saved_numbers, .size = 24, .checksum = 7}};
    struct file_bytes zip = zip_build(wrong, 2, NULL);
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_load_memory(zip.data, zip.size, "x",
                                            &(struct checkpoint_limits){.skip_checksums = true}, &checkpoint, &err),
                     STATUS_OK);
    checkpoint_close(checkpoint);
    bytes_free(&zip);
}

static void test_zip64_refused(void **state) {
    (void)state;
    const struct zip_member members[] = {PICKLE_MEMBER, STORAGE_MEMBER};
    struct file_bytes zip = zip_build64(members, 2);
    const size_t locator = zip.size - 22 - 20;
    zip.data[locator + 8] ^= 1;
    refuse_saved(zip.data, zip.size, NULL, "no ZIP64 end record");
    zip.data[locator + 8] ^= 1;
    zip.data[locator + 15] = 0xff;
    refuse_saved(zip.data, zip.size, NULL, "no ZIP64 end record");
    zip.data[locator + 15] = 0;
    zip.data[locator - 56 + 47] = 0xff; /* the directory's length */
    refuse_saved(zip.data, zip.size, NULL, "does not end before");
    zip.data[locator - 56 + 47] = 0;
    zip.data[locator - 56 - 30] = 16; /* of the last entry's extra field: where it lies would be missing */
    refuse_saved(zip.data, zip.size, NULL, "lacks its ZIP64 sizes");
    bytes_free(&zip);
}

/* ---- the older format ---- */

#define MAGIC "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#define PROTOCOL "\x80\2M\xe9\3."
#define FACTS(TRUTH) "\x80\2}X\x0d\0\0\0little_endian" TRUTH "s."
#define LEGACY_STORAGE(VIEW)                           \
    "(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" \
    "0X\3\0\0\0cpuK\6" VIEW "tQ"
#define LEGACY_TOP(VIEW) "\x80\2}" KEY("a", "\1") TENSOR(LEGACY_STORAGE(VIEW), "K\0", "K\2\x85", "K\1\x85") "s."
#define KEYS           \
    "\x80\2]X\1\0\0\0" \
    "0a."
#define DATA           \
    "\6\0\0\0\0\0\0\0" \
    "0123456789abcdefghijklmn"
#define HEAD MAGIC PROTOCOL FACTS("\x88")

#define REFUSE_LEGACY(FILE, PART) refuse_saved(FILE, sizeof(FILE) - 1, NULL, PART)

static void test_legacy_views(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    static const char whole[] = HEAD LEGACY_TOP("N") KEYS DATA;
    static const char view[] = HEAD LEGACY_TOP("(X\1\0\0\0"
                                               "1K\2K\3t") KEYS DATA;
    assert_int_equal(checkpoint_load_memory(whole, sizeof whole - 1, "x", NULL, &checkpoint, &err), STATUS_OK);
    assert_memory_equal(checkpoint_at(checkpoint, 0)->storage, "01234567", 8);
    assert_int_equal(checkpoint_at(checkpoint, 0)->storage_bytes, 24);
    checkpoint_close(checkpoint);
    assert_int_equal(checkpoint_load_memory(view, sizeof view - 1, "x", NULL, &checkpoint, &err), STATUS_OK);
    assert_memory_equal(checkpoint_at(checkpoint, 0)->storage, "89abcdef", 8);
    assert_int_equal(checkpoint_at(checkpoint, 0)->storage_bytes, 12);
    checkpoint_close(checkpoint);
}

static void test_legacy_refused(void **state) {
    (void)state;
    REFUSE_LEGACY("\x80\2K\1.", "does not begin with PyTorch's magic number");
    REFUSE_LEGACY("\x80\2\x8a\x0a\x6d\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", "magic number");
    REFUSE_LEGACY(MAGIC, "the pickle of the protocol's version: byte 15");
    REFUSE_LEGACY(MAGIC "\x80\2M\xe8\3.", "version is not 1001");
    REFUSE_LEGACY(MAGIC PROTOCOL FACTS("\x89"), "big-endian");
    REFUSE_LEGACY(MAGIC PROTOCOL FACTS("N"), "does not say whether");
    REFUSE_LEGACY(MAGIC PROTOCOL "\x80\2}.", "does not say whether");
    REFUSE_LEGACY(HEAD, "the pickle of the checkpoint: ");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N"), "the pickle of the storages' keys");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") "\x80\2}.", "no list of storages");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") "\x80\2].", "storage \"0\" is not in the file");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") "\x80\2]NaX\1\0\0\0"
                                       "0a." DATA,
                  "list of storages");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") "\x80\2]X\1\0\0\0"
                                       "1a." DATA,
                  "no tensor uses storage \"1\"");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") "\x80\2](X\1\0\0\0"
                                       "0X\1\0\0\0"
                                       "0e." DATA DATA,
                  "twice");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") KEYS "\6\0\0", "ends at byte");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") KEYS "\7\0\0\0\0\0\0\0"
                                            "0123456789abcdefghijklmnopqr",
                  "has 7 elements at byte");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") KEYS "\6\0\0\0\0\0\0\0"
                                            "0123456789abcdefghijklm",
                  "and 23 are there");
    REFUSE_LEGACY(HEAD LEGACY_TOP("N") KEYS DATA "x", "1 bytes behind the last storage");
    REFUSE_LEGACY(HEAD LEGACY_TOP("K\1") KEYS DATA, "view of another storage");
    REFUSE_LEGACY(HEAD LEGACY_TOP("(X\1\0\0\0"
                                  "1K\4K\3t") KEYS DATA,
                  "view of another storage");
    REFUSE_LEGACY(HEAD LEGACY_TOP("(X\1\0\0\0"
                                  "1K\5K\1t") KEYS DATA,
                  "ends at element 2 of storage \"0\", which has 1");
    REFUSE_LEGACY(HEAD "\x80\2" LEGACY_STORAGE("") "." KEYS DATA, "as many as torch.save writes");
    REFUSE_LEGACY(MAGIC PROTOCOL "\x80\2" LEGACY_STORAGE("N") ".", "there may be none here");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zip_entries_refused), cmocka_unit_test(test_zip_names_refused),
        cmocka_unit_test(test_zip_ends_refused),    cmocka_unit_test(test_zip_contents_refused),
        cmocka_unit_test(test_zip_forms),           cmocka_unit_test(test_zip64_refused),
        cmocka_unit_test(test_legacy_views),        cmocka_unit_test(test_legacy_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
