/* Checkpoints: what PyTorch saves in every form, other files, and damage to all of them (safetensors:
 * test_safetensors.c). */
#include "tests/support/checkpoint_file.h"
#include "tests/support/support.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *describe_with_choice(struct checkpoint *checkpoint) {
    struct error err;
    char *text = describe_saved(checkpoint), *whole = malloc(strlen(text) + 256);
    if (checkpoint_choose(checkpoint, NULL, &err))
        sprintf(whole, "%schosen?\n", text);
    else
        sprintf(whole, "%schosen\t%s\n", text, checkpoint_chosen(checkpoint));
    free(text);
    return whole;
}

/* ---- what PyTorch wrote ---- */

static void check_file(const char *name) {
    char listing[300];
    snprintf(listing, sizeof listing, "%s.txt", name);
    struct byte_buffer expected = read_saved(listing);
    struct checkpoint *checkpoint = load_saved(name);
    char *actual = describe_with_choice(checkpoint);
    if (strlen(actual) != expected.size || memcmp(actual, expected.data, expected.size) != 0)
        fail_msg("%s holds\n%s\nexpected\n%.*s", name, actual, (int)expected.size, (char *)expected.data);
    free(actual);
    free(expected.data);
    checkpoint_close(checkpoint);
}

static void test_files(void **state) {
    (void)state;
    int files = 0;
    DIR *folder = opendir(CHECKPOINT_FOLDER);
    assert_non_null(folder);
    for (struct dirent *entry; (entry = readdir(folder));) {
        const size_t length = strlen(entry->d_name);
        if (length < 4 || strcmp(entry->d_name + length - 4, ".txt") != 0)
            continue;
        char name[256];
        snprintf(name, sizeof name, "%.*s", (int)length - 4, entry->d_name);
        check_file(name);
        files++;
    }
    closedir(folder);
    assert_true(files >= 45);
}

static void test_formats(void **state) {
    (void)state;
    static const struct {
        const char *name, *format;
    } files[] = {{"plain.pth", "pytorch zip"},
                 {"plain-legacy.pth", "pytorch legacy"},
                 {"protocol4-legacy.pth", "pytorch legacy"},
                 {"plain.safetensors", "safetensors"}};
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct checkpoint *checkpoint = load_saved(files[i].name);
        assert_string_equal(checkpoint_format(checkpoint), files[i].format);
        checkpoint_close(checkpoint);
    }
}

/* The formula of make_checkpoints.py; test_files has compared the bytes. */
static double formula(int start, int i) {
    return ((i * 37 + start * 11) % 97 - 48) / 8.0;
}

static void test_as_float(void **state) {
    (void)state;
    static const struct {
        const char *key;
        int start;
        bool whole; /* numbers from 0 up */
    } tensors[] = {{"float", 0, false}, {"double", 1, false}, {"float16", 2, false}, {"bfloat16", 3, false},
                   {"int64", 4, true},  {"int32", 5, true},   {"int16", 6, true},    {"int8", 7, true},
                   {"uint8", 8, true},  {"uint16", 9, true},  {"uint32", 10, true},  {"uint64", 11, true}};
    struct checkpoint *checkpoint = load_saved("types.pth");
    struct error err = {STATUS_OK, ""};
    float values[6];
    for (size_t t = 0; t < sizeof tensors / sizeof tensors[0]; t++) {
        const struct checkpoint_tensor *tensor = checkpoint_find(checkpoint, tensors[t].key);
        assert_non_null(tensor);
        assert_int_equal(checkpoint_copy_float(tensor, values, &err), STATUS_OK);
        for (int i = 0; i < 6; i++) {
            const double expected = formula(tensors[t].start, i);
            assert_true(values[i] == (float)(tensors[t].whole ? expected * 8 + 48 : expected));
        }
    }
    static const char *const others[] = {"bool", "complex64", "complex128", "float8e4m3fn"};
    for (size_t t = 0; t < sizeof others / sizeof others[0]; t++) {
        assert_int_equal(checkpoint_copy_float(checkpoint_find(checkpoint, others[t]), values, &err),
                         STATUS_UNSUPPORTED);
        assert_non_null(strstr(err.message, others[t]));
    }
    checkpoint_close(checkpoint);
}

/* Strided, in pieces longer than the conversion's buffer, and from an odd address. */
static void test_float_views(void **state) {
    (void)state;
    enum { ROWS = 700, COLUMNS = 3 };
    unsigned char *raw = malloc(1 + ROWS * COLUMNS * 2);
    for (int i = 0; i < ROWS * COLUMNS; i++) {
        const uint16_t bits = (uint16_t)i; /* as int16 */
        memcpy(raw + 1 + 2 * i, &bits, 2);
    }
    struct checkpoint_tensor tensor = {.path = "x", .dtype = DTYPE_INT16, .shape = {2, {COLUMNS, ROWS}}};
    tensor.storage = raw + 1;
    tensor.storage_bytes = ROWS * COLUMNS * 2;
    float *out = malloc(sizeof *out * ROWS * COLUMNS);
    struct error err;
    for (int transposed = 0; transposed < 2; transposed++) {
        tensor.strides[0] = transposed ? 1 : ROWS;
        tensor.strides[1] = transposed ? COLUMNS : 1;
        assert_int_equal(checkpoint_copy_float(&tensor, out, &err), STATUS_OK);
        for (int i = 0; i < COLUMNS; i++)
            for (int j = 0; j < ROWS; j++)
                assert_true(out[i * ROWS + j] == (float)(transposed ? j * COLUMNS + i : i * ROWS + j));
    }
    free(out);
    free(raw);
}

/* ---- choosing ---- */

static void test_choosing(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint = load_saved("plain.pth");
    const size_t all = checkpoint_count(checkpoint);
    assert_string_equal(checkpoint_chosen(checkpoint), "");
    assert_null(checkpoint_find(checkpoint, "encoder.0.bias"));
    assert_int_equal(checkpoint_choose(checkpoint, "generator", &err), STATUS_OK);
    assert_string_equal(checkpoint_chosen(checkpoint), "generator");
    assert_int_equal(checkpoint_count(checkpoint), all);
    assert_string_equal(checkpoint_at(checkpoint, 0)->key, "encoder.0.weight");
    assert_string_equal(checkpoint_at(checkpoint, 0)->path, "generator.encoder.0.weight");
    assert_null(checkpoint_at(checkpoint, all));
    assert_ptr_equal(checkpoint_find(checkpoint, "encoder.0.bias"), checkpoint_at(checkpoint, 1));
    assert_null(checkpoint_find(checkpoint, "encoder.0"));

    assert_int_equal(checkpoint_choose(checkpoint, "gen", &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "\"generator\" (10 tensors)"));
    assert_string_equal(checkpoint_chosen(checkpoint), "generator");
    assert_int_equal(checkpoint_choose(checkpoint, "generator.encoder.1", &err), STATUS_OK);
    assert_int_equal(checkpoint_count(checkpoint), 5);
    assert_non_null(checkpoint_find(checkpoint, "num_batches_tracked"));
    assert_int_equal(checkpoint_choose(checkpoint, ".", &err), STATUS_OK);
    assert_int_equal(checkpoint_count(checkpoint), all);
    assert_string_equal(checkpoint_chosen(checkpoint), "");
    checkpoint_close(checkpoint);
}

static void test_ambiguous(void **state) {
    (void)state;
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint = load_saved("choice-twins.pth");
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "--key"));
    assert_non_null(strstr(err.message, "\"left\" (1 tensor), \"right\" (1 tensor)"));
    assert_int_equal(checkpoint_choose(checkpoint, "right", &err), STATUS_OK);
    assert_int_equal(checkpoint_count(checkpoint), 1);
    checkpoint_close(checkpoint);

    checkpoint = load_saved("choice-gan-averaged.pth");
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_OK);
    assert_string_equal(checkpoint_chosen(checkpoint), "G_ema");
    assert_string_equal(checkpoint_beside(checkpoint), "\"G\"");
    assert_int_equal(checkpoint_choose(checkpoint, "G", &err), STATUS_OK);
    assert_string_equal(checkpoint_beside(checkpoint), "");
    checkpoint_close(checkpoint);

    checkpoint = load_saved("choice-no-tensors.pth");
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_INVALID_MODEL);
    checkpoint_close(checkpoint);
}

static void test_prefix(void **state) {
    (void)state;
    struct error err;
    struct checkpoint *checkpoint = load_saved("training.pth");
    assert_false(checkpoint_all_begin(checkpoint, "module."));
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_OK);
    assert_true(checkpoint_all_begin(checkpoint, "module."));
    assert_false(checkpoint_all_begin(checkpoint, "module.encoder."));
    checkpoint_close(checkpoint);
    checkpoint = load_saved("choice-no-tensors.pth");
    assert_false(checkpoint_all_begin(checkpoint, ""));
    checkpoint_close(checkpoint);
}

/* ---- other files ---- */

static void test_lookalikes(void **state) {
    (void)state;
    unsigned char tar[512] = "sys_info";
    memcpy(tar + 257, "ustar", 5);
    refuse_saved(tar, sizeof tar, NULL, "before 0.1.10");
    refuse_saved("", 0, NULL, "the file is empty");
    refuse_saved("x", 1, NULL, "no checkpoint that limner knows");
    refuse_saved("\x80", 1, NULL, "no checkpoint that limner knows");
    refuse_saved("<!DOCTYPE html>", 15, NULL, "web page");
    refuse_saved("version https://git-lfs.github.com/spec/v1\n", 43, NULL, "git lfs pull");
    refuse_saved("\x1f\x8b\x08", 3, NULL, "gzip");
    struct byte_buffer file = read_saved("frozen.pt");
    refuse_saved(file.data, file.size, NULL, "frozen ones hold their weights as constants");
    free(file.data);
    refuse_saved("\x80\2N.", 4, NULL, "holds no NumPy arrays");
    refuse_saved("\x80\2ctorch.storage\n_load_from_bytes\nU\1x\x85R.", 40, NULL,
                 "that pickle.dump wrote, not torch.save");
    struct error err;
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_load(CHECKPOINT_FOLDER, NULL, &checkpoint, &err), STATUS_IO);
    assert_int_equal(checkpoint_load(CHECKPOINT_FOLDER "/none.pth", NULL, &checkpoint, &err), STATUS_IO);
    assert_non_null(strstr(err.message, "none.pth"));
    assert_null(checkpoint);
    checkpoint_close(NULL);
}

/* ---- damage ---- */

/* One random change; at most `room` bytes. */
static size_t damage(struct random *random, unsigned char *data, size_t size, size_t room) {
    static const uint64_t sizes[] = {0, 1, 0x7f, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, INT64_MAX, UINT64_MAX};
    const size_t at = (size_t)random_int(random, 0, (int64_t)size - 1);
    const size_t left = size - at, other = (size_t)random_int(random, 0, (int64_t)size - 1);
    size_t count = (size_t)random_int(random, 1, 40);
    switch (random_int(random, 0, 7)) {
    case 0: /* cut off */
        return at;
    case 1: /* a piece is missing */
        count = count < left ? count : left;
        memmove(data + at, data + at + count, left - count);
        return size - count;
    case 2: /* a piece from elsewhere is put between */
        count = count < size - other ? count : size - other;
        count = count < room - size ? count : room - size;
        memmove(data + at + count, data + at, left);
        memmove(data + at, data + (other < at ? other : at), count);
        return size + count;
    case 3: /* a lying size */
        count = left < 8 ? left : 8;
        memcpy(data + at, &sizes[random_int(random, 0, 9)], (size_t)random_int(random, 1, (int64_t)count));
        return size;
    case 4: /* another opcode, or any byte */
        data[at] = (unsigned char)random_int(random, 0, 255);
        return size;
    default: /* a flipped bit */
        data[at] ^= (unsigned char)(1 << random_int(random, 0, 7));
        return size;
    }
}

/* Loads damaged bytes: an error with a message, or tensors that can all be read. NULL after an error. */
static char *load_damaged(const unsigned char *data, size_t size, const struct checkpoint_limits *limits) {
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    unsigned char *exact = malloc(size + !size);
    memcpy(exact, data, size);
    char *text = NULL;
    if (checkpoint_load_memory(exact, size, "x.pth", limits, &checkpoint, &err)) {
        check_saved_error(&err);
    } else {
        text = describe_saved(checkpoint);
        checkpoint_choose(checkpoint, NULL, &err);
    }
    checkpoint_close(checkpoint);
    free(exact);
    return text;
}

/* Tensors that repeat elements could otherwise take a gigabyte each. */
static const struct checkpoint_limits few = {.expanded_bytes = 1 << 20, .objects = 100000};

/* sealed: a change that passes must have changed nothing that is read. */
static void damage_file(const char *name, bool sealed, int cases) {
    struct random random = random_from(test_seed());
    struct byte_buffer file = read_saved(name);
    char *whole = load_damaged(file.data, file.size, &few);
    assert_non_null(whole);
    unsigned char *copy = malloc(file.size + 200);
    int refused = 0;
    for (int i = 0; i < cases; i++) {
        size_t size = file.size;
        memcpy(copy, file.data, size);
        for (int64_t changes = random_int(&random, 1, 3); changes > 0 && size > 0; changes--)
            size = damage(&random, copy, size, file.size + 200);
        char *text = load_damaged(copy, size, &few);
        refused += text == NULL;
        if (text && sealed && strcmp(text, whole) != 0)
            fail_msg("%s, seed %llu, case %d: was read otherwise:\n%s", name, (unsigned long long)test_seed(), i, text);
        free(text);
    }
    assert_true(refused > cases / 4);
    free(copy);
    free(whole);
    free(file.data);
}

static void test_damaged_zip(void **state) {
    (void)state;
    damage_file("views.pth", true, 1000);
    damage_file("training.pth", true, 1000);
    damage_file("unchecked.pth", false, 500);
}

static void test_damaged_legacy(void **state) {
    (void)state;
    damage_file("views-legacy.pth", false, 1000);
    damage_file("training-legacy.pth", false, 1000);
    damage_file("module-legacy.pth", false, 500);
    damage_file("python2-legacy.pth", false, 1000);
}

static void test_damaged_safetensors(void **state) {
    (void)state;
    damage_file("types.safetensors", false, 1000);
    damage_file("plain.safetensors", false, 1000);
}

/* Damaged pickles in archives that are whole. */
static void test_damaged_pickles(void **state) {
    (void)state;
    static const char pickle[] = "\x80\2}(" KEY("gen", "\3") "}" KEY("w", "\1") GOOD "q\1sh\1q\2" KEY("b", "\1")
        TENSOR(FLOATS, "K\2", "K\2K\2\x86", "K\1K\2\x86")
            KEY("o", "\1") "cx\ny\n)\x81}" KEY("_parameters", "\x0b") "}" KEY("_modules", "\x08") "}u]h\1ah\2a.";
    struct random random = random_from(test_seed());
    unsigned char copy[sizeof pickle + 100];
    const int cases = 5000;
    for (int i = 0; i < cases; i++) {
        size_t size = sizeof pickle - 1;
        memcpy(copy, pickle, size);
        for (int64_t changes = random_int(&random, 1, 4); changes > 0 && size > 0; changes--)
            size = damage(&random, copy, size, sizeof copy);
        const struct zip_member members[] = {{.name = "a/data.pkl", .data = copy, .size = size}, STORAGE_MEMBER};
        struct file_bytes zip = zip_build(members, 2, NULL);
        free(load_damaged(zip.data, zip.size, &few));
        bytes_free(&zip);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_files),
                                       cmocka_unit_test(test_formats),
                                       cmocka_unit_test(test_as_float),
                                       cmocka_unit_test(test_float_views),
                                       cmocka_unit_test(test_choosing),
                                       cmocka_unit_test(test_ambiguous),
                                       cmocka_unit_test(test_prefix),
                                       cmocka_unit_test(test_lookalikes),
                                       cmocka_unit_test(test_damaged_zip),
                                       cmocka_unit_test(test_damaged_legacy),
                                       cmocka_unit_test(test_damaged_safetensors),
                                       cmocka_unit_test(test_damaged_pickles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}