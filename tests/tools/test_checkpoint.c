/* Checkpoints: what PyTorch saves in every form, and what a stranger may make of it. */
#include "tests/support/support.h"

#include "base/filemap.h"
#include "tests/support/torch_file.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"
#include "tools/files/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FOLDER "tests/data/checkpoints"

/* ---- helpers ---- */

static struct byte_buffer read_data(const char *name) {
    char path[512];
    struct error err;
    struct byte_buffer file;
    snprintf(path, sizeof path, FOLDER "/%s", name);
    if (file_read(path, &file, &err))
        fail_msg("%s: %s", path, err.message);
    return file;
}

static struct checkpoint *load_data(const char *name) {
    char path[512];
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    snprintf(path, sizeof path, FOLDER "/%s", name);
    if (checkpoint_load(path, NULL, &checkpoint, &err))
        fail_msg("%s", err.message);
    return checkpoint;
}

static uint32_t checksum_of(const struct checkpoint_tensor *tensor) {
    size_t bytes;
    assert_true(tensor_size(tensor->dtype, &tensor->shape, &bytes));
    unsigned char *dense = malloc(bytes + 1);
    checkpoint_copy(tensor, dense);
    const uint32_t checksum = (uint32_t)crc32_z(0, dense, bytes);
    free(dense);
    return checksum;
}

/* What the file holds in the words of make_checkpoints.py; freed by the caller. */
static char *describe(const struct checkpoint *checkpoint) {
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    for (size_t i = 0; i < checkpoint_count(checkpoint); i++) {
        const struct checkpoint_tensor *tensor = checkpoint_at(checkpoint, i);
        fprintf(stream, "tensor\t%s\t%s\t%s", tensor->path, dtype_name(tensor->dtype),
                tensor->shape.rank ? "" : "scalar");
        for (int d = 0; d < tensor->shape.rank; d++)
            fprintf(stream, "%s%lld", d ? "x" : "", (long long)tensor->shape.dims[d]);
        fprintf(stream, "\t%08x\n", (unsigned)checksum_of(tensor));
    }
    for (size_t i = 0; i < checkpoint_opaque_count(checkpoint); i++)
        fprintf(stream, "opaque\t%s\t%s\n", checkpoint_opaque_at(checkpoint, i)->path,
                checkpoint_opaque_at(checkpoint, i)->what);
    fclose(stream);
    return text;
}

static char *describe_with_choice(struct checkpoint *checkpoint) {
    struct error err;
    char *text = describe(checkpoint), *whole = malloc(strlen(text) + 256);
    if (checkpoint_choose(checkpoint, NULL, &err))
        sprintf(whole, "%schosen?\n", text);
    else
        sprintf(whole, "%schosen\t%s\n", text, checkpoint_chosen(checkpoint));
    free(text);
    return whole;
}

/* One line that a terminal shows as it is, and that says which file it is about. */
static void check_clean(const struct error *err) {
    assert_true(err->code != STATUS_OK && err->code != STATUS_NO_MEMORY);
    assert_int_equal(strncmp(err->message, "x.pth: ", 7), 0);
    assert_true(strlen(err->message) > 17);
    for (const char *c = err->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            fail_msg("byte %d of the message is a control character: %s", (int)(c - err->message), err->message);
}

/* Loads bytes that must be refused with a message that contains `part`. */
static void refuse_with(const void *data, size_t size, const struct checkpoint_limits *limits, const char *part) {
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    unsigned char *exact = malloc(size + !size); /* what lies behind is out of bounds */
    memcpy(exact, data, size);
    if (!checkpoint_load_memory(exact, size, "x.pth", limits, &checkpoint, &err))
        fail_msg("was read, but \"%s\" was expected", part);
    assert_null(checkpoint);
    check_clean(&err);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    free(exact);
}

/* ---- what PyTorch wrote ---- */

static void check_file(const char *name) {
    char listing[300];
    snprintf(listing, sizeof listing, "%s.txt", name);
    struct byte_buffer expected = read_data(listing);
    struct checkpoint *checkpoint = load_data(name);
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
    DIR *folder = opendir(FOLDER);
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
        struct checkpoint *checkpoint = load_data(files[i].name);
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
    struct checkpoint *checkpoint = load_data("types.pth");
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
    struct checkpoint *checkpoint = load_data("plain.pth");
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
    struct checkpoint *checkpoint = load_data("choice-twins.pth");
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(err.message, "--key"));
    assert_non_null(strstr(err.message, "\"left\" (1 tensor), \"right\" (1 tensor)"));
    assert_int_equal(checkpoint_choose(checkpoint, "right", &err), STATUS_OK);
    assert_int_equal(checkpoint_count(checkpoint), 1);
    checkpoint_close(checkpoint);

    checkpoint = load_data("choice-gan-averaged.pth");
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_OK);
    assert_string_equal(checkpoint_chosen(checkpoint), "G_ema");
    assert_string_equal(checkpoint_beside(checkpoint), "\"G\"");
    assert_int_equal(checkpoint_choose(checkpoint, "G", &err), STATUS_OK);
    assert_string_equal(checkpoint_beside(checkpoint), "");
    checkpoint_close(checkpoint);

    checkpoint = load_data("choice-no-tensors.pth");
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_INVALID_MODEL);
    checkpoint_close(checkpoint);
}

static void test_prefix(void **state) {
    (void)state;
    struct error err;
    struct checkpoint *checkpoint = load_data("training.pth");
    assert_false(checkpoint_all_begin(checkpoint, "module."));
    assert_int_equal(checkpoint_choose(checkpoint, NULL, &err), STATUS_OK);
    assert_true(checkpoint_all_begin(checkpoint, "module."));
    assert_false(checkpoint_all_begin(checkpoint, "module.encoder."));
    checkpoint_close(checkpoint);
    checkpoint = load_data("choice-no-tensors.pth");
    assert_false(checkpoint_all_begin(checkpoint, ""));
    checkpoint_close(checkpoint);
}

/* ---- pickles by hand ---- */

#define HOOKS \
    "\x89"    \
    "ccollections\nOrderedDict\n)R"
#define STORAGE_OF(MODULE, CLASS, KEY, COUNT) \
    "(X\7\0\0\0storagec" MODULE "\n" CLASS "\nX\1\0\0\0" KEY "X\3\0\0\0cpuK" COUNT "tQ"
#define FLOATS STORAGE_OF("torch", "FloatStorage", "0", "\x06")
#define TENSOR(STORAGE, OFFSET, SIZE, STRIDES) \
    "ctorch._utils\n_rebuild_tensor_v2\n(" STORAGE OFFSET SIZE STRIDES HOOKS "tR"
#define GOOD TENSOR(FLOATS, "K\0", "K\2K\3\x86", "K\3K\1\x86")
#define KEY(NAME, LENGTH) "X" LENGTH "\0\0\0" NAME

static const float numbers[6] = {0, 1, 2, 3, 4, 5};

/* A zip file with this pickle (protocol and STOP added) and storage "0" of six floats. */
static struct file_bytes wrap_pickle(const void *pickle, size_t size) {
    struct file_bytes stream = {0};
    bytes_put(&stream, "\x80\2", 2);
    bytes_put(&stream, pickle, size);
    bytes_put(&stream, ".", 1);
    const struct zip_member members[] = {{.name = "a/data.pkl", .data = stream.data, .size = stream.size},
                                         {.name = "a/data/0", .data = numbers, .size = sizeof numbers}};
    struct file_bytes zip = zip_build(members, 2, NULL);
    bytes_free(&stream);
    return zip;
}

static void refuse_pickle_with(const void *pickle, size_t size, const struct checkpoint_limits *limits,
                               const char *part) {
    struct file_bytes zip = wrap_pickle(pickle, size);
    refuse_with(zip.data, zip.size, limits, part);
    bytes_free(&zip);
}

#define REFUSE_PICKLE(PICKLE, PART) refuse_pickle_with(PICKLE, sizeof(PICKLE) - 1, NULL, PART)

static void accept_pickle(const void *pickle, size_t size, const char *expected) {
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    struct file_bytes zip = wrap_pickle(pickle, size);
    if (checkpoint_load_memory(zip.data, zip.size, "x.pth", NULL, &checkpoint, &err))
        fail_msg("%s, expected %s", err.message, expected);
    char *text = describe(checkpoint);
    assert_string_equal(text, expected);
    free(text);
    checkpoint_close(checkpoint);
    bytes_free(&zip);
}

#define ACCEPT_PICKLE(PICKLE, TEXT) accept_pickle(PICKLE, sizeof(PICKLE) - 1, TEXT)

/* What describe() says of the good tensor, whose path is key, and the lines behind it. */
static void accept_with_sum(const void *pickle, size_t size, const char *key, const char *rest) {
    char expected[200];
    const unsigned sum = (unsigned)crc32_z(0, (const void *)numbers, sizeof numbers);
    snprintf(expected, sizeof expected, "tensor\t%s\tfloat\t2x3\t%08x\n%s", key, sum, rest);
    accept_pickle(pickle, size, expected);
}

/* KEY is the good tensor's path, REST the lines behind it. */
#define ACCEPT_GOOD(PICKLE, KEY, REST) accept_with_sum(PICKLE, sizeof(PICKLE) - 1, KEY, REST)

static void test_pickles(void **state) {
    (void)state;
    ACCEPT_GOOD("}" KEY("a", "\1") GOOD "s", "a", "");
    ACCEPT_GOOD("}\x8a\1\xfe" GOOD "s", "-2", "");
    ACCEPT_GOOD("}J\xfe\xff\xff\xff" GOOD "s", "-2", "");
    ACCEPT_GOOD("}M\xff\xff" GOOD "s", "65535", "");
    ACCEPT_GOOD("}" KEY("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\x09") GOOD "s",
                "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "");
    ACCEPT_GOOD("}N" GOOD "s", "<key 0>", "");
    ACCEPT_GOOD("})" GOOD "s", "<key 0>", "");
    ACCEPT_GOOD("]N"
                "a" GOOD "a",
                "1", "");
    /* Foreign classes in every way that a pickle can make an object of them, with a tensor inside. */
    ACCEPT_GOOD("}" KEY("a", "\1") GOOD "s" KEY("b", "\1") "cos\nsystem\n" GOOD "\x85Rs", "a",
                "opaque\tb\tos.system\n");
    ACCEPT_PICKLE("cposix\nsystem\nX\2\0\0\0ls\x85R", "opaque\t\tposix.system\n");
    ACCEPT_PICKLE("cx\ny\n)\x81}" KEY("a", "\1") GOOD "sb", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("cx\ny\n)}\x92", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("X\1\0\0\0xX\1\0\0\0y\x93)R)R", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("cx\ny\n)R(K\1K\2e(K\1K\2uK\1aK\1K\2s}b(K\1\x90", "opaque\t\tx.y\n");
    ACCEPT_PICKLE("\x8f(K\1\x90", "opaque\t\tset\n");
    ACCEPT_PICKLE("(K\1\x91", "opaque\t\tset\n");
    ACCEPT_PICKLE("ctorch._tensor\n_rebuild_from_type_v2\n(ctorch._tensor\n_rebuild_from_type_v2\nctorch\nTensor\n)}tR",
                  "opaque\t\ttorch.Tensor\n");
    ACCEPT_PICKLE("ctorch._utils\n_rebuild_tensor_v3\n(" FLOATS
                  "K\0K\1\x85K\1\x85\x89Nctorch\nint32\n}" KEY("neg", "\3") "\x88stR",
                  "opaque\t\ttensor with conjugated or negated elements\n");
    ACCEPT_PICKLE("cx\ny\n", "");
    ACCEPT_PICKLE("K\1", "");
    ACCEPT_PICKLE("N0(N1]2\x86", "");
    ACCEPT_PICKLE("\x95\2\0\0\0\0\0\0\0N0\x8a\0\x8a\1\xffN\x87", "");
}

static void test_hostile_pickles(void **state) {
    (void)state;
    REFUSE_PICKLE("", "byte 2: the pickle is damaged: it does not end with one value");
    REFUSE_PICKLE("K", "1 bytes expected at byte 4"); /* STOP becomes the number */
    REFUSE_PICKLE("K\1K\1", "does not end with one value");
    REFUSE_PICKLE("(K\1", "does not end with one value");
    REFUSE_PICKLE("I1\n", "byte 2: opcode 0x49");
    REFUSE_PICKLE("\xff", "opcode 0xff");
    REFUSE_PICKLE("\x82\1", "opcode 0x82");
    REFUSE_PICKLE("P0\n", "opcode 0x50");
    REFUSE_PICKLE("(icls\nmod\n", "opcode 0x69");
    REFUSE_PICKLE("\x80\1N", "protocol 1");
    REFUSE_PICKLE("\x80\6N", "protocol 6");
    REFUSE_PICKLE("0", "more values than there are");
    REFUSE_PICKLE("K\1(0", "more values than there are");
    REFUSE_PICKLE("K\1(\x85", "more values than there are");
    REFUSE_PICKLE("2", "more values than there are");
    REFUSE_PICKLE("R", "more values than there are");
    REFUSE_PICKLE("q\0", "more values than there are");
    REFUSE_PICKLE("](a", "more values than there are");
    REFUSE_PICKLE("t", "needs a mark");
    REFUSE_PICKLE("1", "needs a mark");
    REFUSE_PICKLE("(K\1e", "more values than there are");
    REFUSE_PICKLE("(K\1u", "more values than there are");
    REFUSE_PICKLE("h\0", "never put there");
    REFUSE_PICKLE("j\xff\xff\xff\xff", "never put there");
    REFUSE_PICKLE("Nr\xff\xff\xff\xff", "more objects than the limit");
    REFUSE_PICKLE("}K\1(K\1u", "items of a dictionary are given to an integer");
    REFUSE_PICKLE("}(K\1u", "a key without a value");
    REFUSE_PICKLE("(K\1d", "a key without a value");
    REFUSE_PICKLE("}K\1a", "items of a list are given to a dictionary");
    REFUSE_PICKLE("](K\1K\2u", "items of a dictionary are given to a list");
    REFUSE_PICKLE("](K\1\x90", "items of a set");
    REFUSE_PICKLE("K\1}b", "an integer is given attributes");
    REFUSE_PICKLE("cx", "the name of a class does not end");
    REFUSE_PICKLE("cx\ny", "the name of a class does not end");
    REFUSE_PICKLE("K\1K\1\x93", "is no text");
    REFUSE_PICKLE("cx\ny\n]R", "are no tuple");
    REFUSE_PICKLE("X\xff\xff\xff\xff", "4294967295 bytes expected at byte 7");
    REFUSE_PICKLE("\x8d\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615 bytes expected");
    REFUSE_PICKLE("\x8b\xff\xff\xff\xff", "bytes expected");
    REFUSE_PICKLE("\x95\xff\xff\xff\xff\xff\xff\xff\x7fN", "a frame is longer");
    REFUSE_PICKLE("G\0", "8 bytes expected");
}

static void test_storages_that_lie(void **state) {
    (void)state;
    REFUSE_PICKLE("}" KEY("w", "\1")
                      TENSOR(STORAGE_OF("torch", "FloatStorage", "0", "\x07"), "K\0", "K\1\x85", "K\1\x85") "s",
                  "\"a/data/0\" has 24 bytes, the pickle expects 28");
    REFUSE_PICKLE(STORAGE_OF("torch", "DoubleStorage", "0", "\x06"), "has 24 bytes, the pickle expects 48");
    REFUSE_PICKLE(STORAGE_OF("torch", "FloatStorage", "1", "\x06"), "no entry \"a/data/1\"");
    REFUSE_PICKLE("(" FLOATS STORAGE_OF("torch", "HalfStorage", "0", "\x06") "t", "12 bytes here and 24 before");
    REFUSE_PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                  "0X\3\0\0\0cpu\x8a\1\xfftQ",
                  "a number of elements");
    REFUSE_PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0"
                  "0X\3\0\0\0cpu\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7ftQ",
                  "its size is too large");
    REFUSE_PICKLE("(X\7\0\0\0storagectorch\nFloatStorage\nX\2\0\0\0..X\3\0\0\0cpuK\6tQ", "not in the archive");
    REFUSE_PICKLE("(X\7\0\0\0storageNtQ", "as many as torch.save writes");
    REFUSE_PICKLE("NQ", "a tuple is expected");
    REFUSE_PICKLE("(X\1\0\0\0xK\1tQ", "neither a storage nor a module");
}

#define REFUSE_VIEW(OFFSET, SIZE, STRIDES, PART) \
    REFUSE_PICKLE("}" KEY("w.x", "\3") TENSOR(FLOATS, OFFSET, SIZE, STRIDES) "s", PART)

static void test_views_that_leave_their_storage(void **state) {
    (void)state;
    REFUSE_VIEW("K\1", "K\2K\3\x86", "K\3K\1\x86", "tensor \"w.x\": the tensor made at byte");
    REFUSE_VIEW("K\1", "K\2K\3\x86", "K\3K\1\x86", "ends at element 7 of storage \"0\", which has 6");
    REFUSE_VIEW("K\0", "K\2\x85", "K\6\x85", "ends at element 7");
    REFUSE_VIEW("K\x06", ")", ")", "ends at element 7");
    REFUSE_VIEW("\x8a\1\xff", ")", ")", "numbers from 0 up");
    REFUSE_VIEW("K\0", "\x8a\1\xff\x85", "K\1\x85", "numbers from 0 up");
    REFUSE_VIEW("K\5", "K\2\x85", "\x8a\1\xff\x85", "numbers from 0 up");
    REFUSE_VIEW("K\0", "N\x85", "K\1\x85", "numbers from 0 up");
    REFUSE_VIEW("K\0", "K\1\x85", "K\1K\1\x86", "another number of strides");
    REFUSE_VIEW("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f", "K\2\x85", "K\1\x85", "too large");
    REFUSE_VIEW("K\0", "K\3\x85", "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85", "too large");
    REFUSE_VIEW("K\0", "J\0\0\0\x40J\0\0\0\x40J\0\0\0\x40\x87", "K\0K\0K\0\x87", "too large");
    REFUSE_VIEW("K\0", "J\0\0\0\x10J\0\0\0\x10\x86", "K\0K\0\x86", "repeats its 24 bytes to");
}

static void test_calls_with_other_arguments(void **state) {
    (void)state;
    REFUSE_PICKLE("ctorch._utils\n_rebuild_tensor_v2\n)R", "called with other arguments");
    REFUSE_PICKLE("ctorch._utils\n_rebuild_tensor\n(NK\0))tR", "called with other arguments");
    REFUSE_PICKLE("ctorch._utils\n_rebuild_tensor_v3\n(" FLOATS "K\0))tR", "strides and a type");
    REFUSE_PICKLE("ctorch._utils\n_rebuild_parameter\n(K\1tR", "other arguments than a tensor");
    REFUSE_PICKLE("ctorch._tensor\n_rebuild_from_type_v2\n)R", "called with other arguments");
    REFUSE_PICKLE("ctorch\nSize\n)R", "one tuple");
    REFUSE_PICKLE("ccollections\nOrderedDict\n]K\1a\x85R", "a list of pairs");
}

static void test_hostile_names(void **state) {
    (void)state;
    REFUSE_PICKLE("}" KEY("a", "\1") GOOD "s" KEY("a", "\1") GOOD "s", "two tensors \"a\"");
    REFUSE_PICKLE("}" KEY("a\0b", "\3") GOOD "s", "zero bytes");
    REFUSE_PICKLE("}" KEY("a\xff", "\2") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xed\xa0\x80", "\3") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xc0\x80", "\2") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xe0\x80\x80", "\3") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xf0\x80\x80\x80", "\4") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xf4\x90\x80\x80", "\4") GOOD "s", "UTF-8");
    REFUSE_PICKLE("}" KEY("\xe2\x82", "\2") GOOD "s", "UTF-8");
}

/* ---- NumPy arrays ---- */

#define ARRAY_TYPE(CODE, ORDER) \
    "cnumpy\ndtype\n(U\2" CODE "K\0K\1tR(K\3U\1" ORDER "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
#define ARRAY_NEW "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\0\x85U\1btR"
#define ARRAY(SHAPE, TYPE, DATA) ARRAY_NEW "(K\1" SHAPE TYPE "\x89" DATA "tb"
#define LATIN(LENGTH, TEXT) "c_codecs\nencode\n(X" LENGTH "\0\0\0" TEXT "U\6latin1tR"
#define BUFFER(DATA, TYPE, SHAPE) "cnumpy.core.numeric\n_frombuffer\n(" DATA TYPE SHAPE "U\1CtR"

/* Arrays by hand: what NumPy does not write is opaque or an error, never read beyond its bytes. */
static void test_arrays(void **state) {
    (void)state;
    ACCEPT_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("u1", "|"), "C\2ab"), "tensor\t\tuint8\t2\t9e83486d\n");
    ACCEPT_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("u1", "|"), LATIN("\4", "\xc2\x80\xc3\xbf")),
                  "tensor\t\tuint8\t2\t57586539\n");
    ACCEPT_PICKLE(ARRAY("K\1\x85", ARRAY_TYPE("u2", ">"), "C\2ba"), "tensor\t\tuint16\t1\t9e83486d\n");
    ACCEPT_PICKLE(BUFFER("C\2ab", ARRAY_TYPE("i2", "<"), ")"), "tensor\t\tint16\tscalar\t9e83486d\n");
    ACCEPT_PICKLE(ARRAY_NEW, "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY_NEW "Nb", "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY_NEW ")b", "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("O8", "|"), "]"), "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY("K\2\x85", "N", "C\2ab"), "opaque\t\tNumPy array of objects or texts\n");
    ACCEPT_PICKLE(ARRAY("(K\1K\1K\1K\1K\1K\1K\1K\1K\1t", ARRAY_TYPE("u1", "|"), "C\1a"),
                  "opaque\t\tNumPy array of more than 8 dimensions\n");
    ACCEPT_PICKLE("c_codecs\nencode\n(U\1aU\5utf-8tR", "opaque\t\tencoded text\n");
    REFUSE_PICKLE(ARRAY("K\3\x85", ARRAY_TYPE("u1", "|"), "C\2ab"), "has 2 bytes, 3 expected");
    REFUSE_PICKLE(ARRAY("K\2\x85", ARRAY_TYPE("u1", "|"),
                        LATIN("\4", "\xc4\x80"
                                    "ab")),
                  "the bytes of the NumPy array are damaged");
    REFUSE_PICKLE(ARRAY("K\1\x85", ARRAY_TYPE("u1", "|"), LATIN("\1", "\xc2")),
                  "the bytes of the NumPy array are damaged");
    REFUSE_PICKLE(ARRAY("J\xff\xff\xff\xff\x85", ARRAY_TYPE("u1", "|"), "C\0"), "shape of the NumPy array");
    REFUSE_PICKLE(ARRAY("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f\x85", ARRAY_TYPE("f8", "<"), "C\0"),
                  "shape of the NumPy array");
    REFUSE_PICKLE(ARRAY("N\x85", ARRAY_TYPE("u1", "|"), "C\0"), "shape of the NumPy array");
}

/* Modules of TorchScript, and tensors of classes that PyTorch may have one day. */
static void test_scripts(void **state) {
    (void)state;
    ACCEPT_GOOD("c__torch__.a\nNet\n)\x81}" KEY("part", "\4") "c__torch__.b\nLeaf\n)\x81}" KEY("w", "\1") GOOD "sb"
                                                                                                               "sb",
                "part.w", "");
    ACCEPT_GOOD("c__torch__.a\nNet\n)\x81}" KEY("w", "\1") "ctorch.jit._pickle\nrestore_type_tag\n(" GOOD
                                                           "U\6TensortRsb",
                "w", "");
    ACCEPT_PICKLE("c__torch__.a\nNet\n)\x81", "opaque\t\t__torch__.a.Net\n");
    ACCEPT_PICKLE("c__torch__.a\nNet\n)\x81Nb", "opaque\t\t__torch__.a.Net\n");
    ACCEPT_PICKLE("}" KEY("t", "\1")
                      TENSOR(STORAGE_OF("torch", "FooStorage", "7", "\x06"), "K\0", "K\2\x85", "K\1\x85") "s",
                  "opaque\tt\ttensor of the class torch.FooStorage\n");
    REFUSE_PICKLE("ctorch.jit._pickle\nbuild_intlist\n)R", "other arguments than a value");
}

/* ---- limits ---- */

static void test_limits(void **state) {
    (void)state;
    static const char nested[] = "}"
                                 "K\1}"
                                 "K\1}"
                                 "K\1" GOOD "sss";
    refuse_pickle_with(nested, sizeof nested - 1, &(struct checkpoint_limits){.nesting = 2}, "nest deeper than 2");
    refuse_pickle_with(nested, sizeof nested - 1, &(struct checkpoint_limits){.objects = 20}, "more objects");
    refuse_pickle_with(nested, sizeof nested - 1, &(struct checkpoint_limits){.pickle_bytes = 100},
                       "more than the limit of 100");
    refuse_pickle_with(nested, sizeof nested - 1, &(struct checkpoint_limits){.entries = 1}, "2 entries");
    refuse_pickle_with(nested, sizeof nested - 1, &(struct checkpoint_limits){.file_bytes = 100}, "limit of 100");
    static const char three[] = "](" GOOD GOOD GOOD "e";
    refuse_pickle_with(three, sizeof three - 1, &(struct checkpoint_limits){.entries = 2}, "more than 2 tensors");
    static const char expanded[] = TENSOR(FLOATS, "K\0", "M\0\1\x85", "K\0\x85");
    refuse_pickle_with(expanded, sizeof expanded - 1, &(struct checkpoint_limits){.expanded_bytes = 1023},
                       "to 1024, more than the limit of 1023");
    struct byte_buffer legacy = read_data("plain-legacy.pth");
    refuse_with(legacy.data, legacy.size, &(struct checkpoint_limits){.pickle_bytes = 500}, "limit of 500 bytes");
    free(legacy.data);
    static const char *const packed[] = {"compressed.pth", "packed.npz", "stored.npz", "numpy2.pkl"};
    for (size_t i = 0; i < 4; i++) {
        struct byte_buffer file = read_data(packed[i]);
        refuse_with(file.data, file.size, &(struct checkpoint_limits){.unpacked_bytes = 100}, "limit of 100 bytes");
        free(file.data);
    }
    struct byte_buffer tensors = read_data("plain.safetensors");
    refuse_with(tensors.data, tensors.size, &(struct checkpoint_limits){.pickle_bytes = 100}, "limit of 100");
    refuse_with(tensors.data, tensors.size, &(struct checkpoint_limits){.entries = 3}, "more than 3 tensors");
    free(tensors.data);
}

/* Values of which a few bytes make very many. */
static void test_bombs(void **state) {
    (void)state;
    struct file_bytes pickle = {0};
    /* Each list holds the one before twice: 2^30 ways to the tensor. */
    bytes_put(&pickle, GOOD, sizeof GOOD - 1);
    for (int i = 0; i < 30; i++)
        bytes_put(&pickle,
                  "q\1]h\1ah\1aq\1"
                  "0h\1",
                  15);
    refuse_pickle_with(pickle.data, pickle.size, &(struct checkpoint_limits){.objects = 100000}, "");
    bytes_free(&pickle);
    /* The same without a tensor. */
    bytes_put(&pickle,
              ")q\1"
              "0",
              4);
    for (int i = 0; i < 30; i++)
        bytes_put(&pickle,
                  "]h\1ah\1aq\1"
                  "0",
                  10);
    bytes_put(&pickle, "h\1", 2);
    refuse_pickle_with(pickle.data, pickle.size, NULL, "hold each other too often");
    bytes_free(&pickle);
    /* Deeper than any stack. */
    for (int i = 0; i < 100000; i++)
        bytes_put(&pickle, "]", 1);
    for (int i = 0; i < 99999; i++)
        bytes_put(&pickle, "a", 1);
    refuse_pickle_with(pickle.data, pickle.size, NULL, "nest deeper than 32");
    bytes_free(&pickle);
    for (int i = 0; i < 1100000; i++)
        bytes_put(&pickle, "(", 1);
    refuse_pickle_with(pickle.data, pickle.size, NULL, "marks are on the pickle's stack");
    memset(pickle.data, '2', pickle.size);
    pickle.data[0] = 'N';
    refuse_pickle_with(pickle.data, pickle.size, NULL, "values are on the pickle's stack");
    bytes_free(&pickle);
    /* Long keys above many items. */
    bytes_put(&pickle, "}X\xff\xff\0\0", 6);
    for (int i = 0; i < 0xffff; i++)
        bytes_put(&pickle, "k", 1);
    bytes_put(&pickle, GOOD "s", sizeof GOOD);
    refuse_pickle_with(pickle.data, pickle.size, NULL, "a path of more than 1023 bytes");
    bytes_free(&pickle);
}

/* ---- zip ---- */

static const char small_pickle[] = "\x80\2}" KEY("a", "\1") GOOD "s.";

#define PICKLE_MEMBER \
    { .name = "a/data.pkl", .data = small_pickle, .size = sizeof small_pickle - 1 }
#define STORAGE_MEMBER \
    { .name = "a/data/0", .data = numbers, .size = sizeof numbers }

static void refuse_zip(const struct zip_member *members, size_t count, const struct zip_end *end, const char *part) {
    struct file_bytes zip = zip_build(members, count, end);
    refuse_with(zip.data, zip.size, NULL, part);
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
               {.name = "a/data/0", .data = numbers, .size = 24, .method = 8});
    REFUSE_ZIP(NULL, "compressed in a way that is not read", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .method = 14});
    REFUSE_ZIP(NULL, "is encrypted", PICKLE_MEMBER, {.name = "a/data/0", .data = numbers, .size = 24, .flags = 1});
    REFUSE_ZIP(NULL, "its checksum is", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .checksum = 77});
    REFUSE_ZIP(NULL, "has another name", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .local_name = "a/data/1"});
    REFUSE_ZIP(NULL, "in 24 of 4000000000 bytes", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .whole = 4000000000});
    REFUSE_ZIP(NULL, "reaches into the archive's directory", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .whole = 25, .stored = 25});
    REFUSE_ZIP(NULL, "lacks its ZIP64 sizes", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .whole = UINT32_MAX});
    REFUSE_ZIP(NULL, "does not begin at byte 4000000000", PICKLE_MEMBER,
               {.name = "a/data/0", .data = numbers, .size = 24, .place = 4000000000});
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
    refuse_with("PK\3\4", 4, NULL, "no end record");
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
        {.name = "any name/data/0", .data = numbers, .size = sizeof numbers, .flags = 0x808},
        {.name = "any name/byteorder", .data = "little", .size = 6}};
    for (int wide = 0; wide < 2; wide++) {
        struct file_bytes zip = wide ? zip_build64(members, 4) : zip_build(members, 4, NULL);
        struct checkpoint *checkpoint;
        if (checkpoint_load_memory(zip.data, zip.size, "x.pth", NULL, &checkpoint, &err))
            fail_msg("%s", err.message);
        const struct checkpoint_tensor *tensor = checkpoint_find(checkpoint, "a");
        assert_non_null(tensor);
        assert_memory_equal(tensor->storage, numbers, sizeof numbers);
        assert_true((const unsigned char *)tensor->storage > zip.data &&
                    (const unsigned char *)tensor->storage < zip.data + zip.size);
        checkpoint_close(checkpoint);
        bytes_free(&zip);
    }
    /* A wrong checksum passes when nobody looks. */
    const struct zip_member wrong[] = {PICKLE_MEMBER, {.name = "a/data/0", .data = numbers, .size = 24, .checksum = 7}};
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
    refuse_with(zip.data, zip.size, NULL, "no ZIP64 end record");
    zip.data[locator + 8] ^= 1;
    zip.data[locator + 15] = 0xff;
    refuse_with(zip.data, zip.size, NULL, "no ZIP64 end record");
    zip.data[locator + 15] = 0;
    zip.data[locator - 56 + 47] = 0xff; /* the directory's length */
    refuse_with(zip.data, zip.size, NULL, "does not end before");
    zip.data[locator - 56 + 47] = 0;
    zip.data[locator - 56 - 30] = 16; /* of the last entry's extra field: where it lies would be missing */
    refuse_with(zip.data, zip.size, NULL, "lacks its ZIP64 sizes");
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

#define REFUSE_LEGACY(FILE, PART) refuse_with(FILE, sizeof(FILE) - 1, NULL, PART)

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

/* ---- safetensors ---- */

static void refuse_header(const char *header, size_t data, const char *part) {
    struct file_bytes file = {0};
    static const unsigned char zeroes[64];
    bytes_number(&file, strlen(header), 8);
    bytes_put(&file, header, strlen(header));
    bytes_put(&file, zeroes, data);
    refuse_with(file.data, file.size, NULL, part);
    bytes_free(&file);
}

#define ENTRY(NAME, TYPE, SHAPE, OFFSETS) \
    "\"" NAME "\":{\"dtype\":\"" TYPE "\",\"shape\":" SHAPE ",\"data_offsets\":" OFFSETS "}"

static void test_safetensors_refused(void **state) {
    (void)state;
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[0,24]") "}", 25, "take 24 bytes of data and the file has 25");
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[0,24]") "}", 23, "bytes 0 to 24 do not lie in the 23 bytes");
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[0,20]") "}", 20, "tensor \"a\": has 20 bytes, 24 expected");
    refuse_header("{" ENTRY("a", "F32", "[2,3]", "[24,0]") "}", 24, "bytes 24 to 0");
    refuse_header("{" ENTRY("a", "F32", "[1]", "[4,8]") "}", 8, "a hole at byte 0");
    refuse_header("{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[8,12]") "}", 12,
                  "hole at byte 4");
    refuse_header("{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("b", "F32", "[1]", "[4,8]") "}", 8,
                  "overlaps at byte 8");
    refuse_header("{" ENTRY("a", "F32", "[1]", "[0,4]") "," ENTRY("a", "F32", "[1]", "[4,8]") "}", 8,
                  "two tensors \"a\"");
    refuse_header("{" ENTRY("a", "F4", "[1]", "[0,4]") "}", 3, "bytes 0 to 4 do not lie in the 3 bytes");
    refuse_header("{" ENTRY("a", "F4", "[1]", "[0,2]") "}", 4, "take 2 bytes of data and the file has 4");
    refuse_header("{" ENTRY("a", "X9", "[1]", "[0,4]") "," ENTRY("b", "F32", "[1]", "[2,6]") "}", 6, "overlaps");
    refuse_header("{\"__metadata__\":nul}", 0, "\"{\" expected");
    refuse_header("{" ENTRY("a", "U8", "[-1]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[01]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[1.0]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[1e0]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[9223372036854775808]", "[0,1]") "}", 1, "less than 64 bits");
    refuse_header("{" ENTRY("a", "U8", "[4294967296,4294967296]", "[0,0]") "}", 0, "size is too large");
    refuse_header("{" ENTRY("a", "F64", "[2305843009213693952]", "[0,0]") "}", 0, "size is too large");
    refuse_header("{" ENTRY("a", "U8", "[1,]", "[0,1]") "}", 1, "whole number");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1,2]") "}", 1, "\"]\" expected");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0]") "}", 1, "\",\" expected");
    refuse_header("{" ENTRY("a\\u0000", "U8", "[1]", "[0,1]") "}", 1, "character that may stand in texts");
    refuse_header("{" ENTRY("a\\ud800", "U8", "[1]", "[0,1]") "}", 1, "surrogate");
    refuse_header("{" ENTRY("a\\udc00", "U8", "[1]", "[0,1]") "}", 1, "character that may");
    refuse_header("{" ENTRY("a\\x", "U8", "[1]", "[0,1]") "}", 1, "known escape");
    refuse_header("{" ENTRY("a\xff", "U8", "[1]", "[0,1]") "}", 1, "UTF-8");
    refuse_header("{" ENTRY("a\n", "U8", "[1]", "[0,1]") "}", 1, "at the end of a text");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1]") "} x", 1, "nothing more");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1]") ",}", 1, "\"\"\" expected");
    refuse_header("{" ENTRY("a", "U8", "[1]", "[0,1]"), 1, "\"}\" expected");
    refuse_header("{\"a\":{\"dtype\":\"U8\",\"shape\":[1]}}", 1, "\"data_offsets\"");
    refuse_header("{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", 1, "each once");
    refuse_header("{\"a\":{\"type\":\"U8\"}}", 1, "each once");
    refuse_header("{\"a\":{\"dtype\":5}}", 1, "\"\"\" expected");
    refuse_header("{\"a\":[]}", 1, "byte 13: the header is damaged: \"{\" expected");
    refuse_header("{\"__metadata__\":{\"a\":1}}", 0, "\"\"\" expected");
    refuse_header("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "one \"__metadata__\"");
    refuse_with("\x20\0\0\0\0\0\0\0{}", 10, NULL, "the header has 32 bytes and the file 10");
    refuse_with("\0\0\0\0\0\0\0\0{", 9, NULL, "\"{\" expected");
}

static void test_safetensors_forms(void **state) {
    (void)state;
    static const char header[] = "{ \"__metadata__\" : {\"a\":\"b\", \"\\u00e9\":\"\"},\n\t" ENTRY(
        "\\ud83d\\ude00\\\"\\/", "U8", "[ 0 , 3 ]", "[1,1]") "," ENTRY("s", "U8", "[]", "[0,1]") " }   ";
    struct file_bytes file = {0};
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    bytes_number(&file, sizeof header - 1, 8);
    bytes_put(&file, header, sizeof header - 1);
    bytes_put(&file, "x", 1);
    if (checkpoint_load_memory(file.data, file.size, "x", NULL, &checkpoint, &err))
        fail_msg("%s", err.message);
    assert_int_equal(checkpoint_count(checkpoint), 2);
    assert_string_equal(checkpoint_at(checkpoint, 0)->path, "\xf0\x9f\x98\x80\"/");
    assert_int_equal(*(const char *)checkpoint_find(checkpoint, "s")->storage, 'x');
    checkpoint_close(checkpoint);
    bytes_free(&file);
}

/* What nobody may want is named and passed over. */
static void test_safetensors_unknown(void **state) {
    (void)state;
    static const char header[] = "{\"__metadata__\": null," ENTRY("four", "F4", "[3,5]", "[4,12]") "," ENTRY(
        "good", "F32", "[1]", "[0,4]") "," ENTRY("deep", "U8", "[1,1,1,1,1,1,1,1,1,1]",
                                                 "[12,13]") "," ENTRY("new", "I128_X", "[2]", "[13,13]") "}";
    struct file_bytes file = {0};
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    bytes_number(&file, sizeof header - 1, 8);
    bytes_put(&file, header, sizeof header - 1);
    bytes_put(&file, "abcdefghijklm", 13);
    if (checkpoint_load_memory(file.data, file.size, "x", NULL, &checkpoint, &err))
        fail_msg("%s", err.message);
    char *text = describe(checkpoint);
    assert_string_equal(strchr(text, '\n') + 1, "opaque\tfour\ttensor of the type F4\n"
                                                "opaque\tdeep\ttensor of more than 8 dimensions\n"
                                                "opaque\tnew\ttensor of the type I128_X\n");
    assert_int_equal(checkpoint_count(checkpoint), 1);
    assert_memory_equal(checkpoint_find(checkpoint, "good")->storage, "abcd", 4);
    free(text);
    checkpoint_close(checkpoint);
    bytes_free(&file);
}

/* ---- other files ---- */

static void test_lookalikes(void **state) {
    (void)state;
    unsigned char tar[512] = "sys_info";
    memcpy(tar + 257, "ustar", 5);
    refuse_with(tar, sizeof tar, NULL, "before 0.1.10");
    refuse_with("", 0, NULL, "the file is empty");
    refuse_with("x", 1, NULL, "no checkpoint that limner knows");
    refuse_with("\x80", 1, NULL, "no checkpoint that limner knows");
    refuse_with("<!DOCTYPE html>", 15, NULL, "web page");
    refuse_with("version https://git-lfs.github.com/spec/v1\n", 43, NULL, "git lfs pull");
    refuse_with("\x1f\x8b\x08", 3, NULL, "gzip");
    struct byte_buffer file = read_data("frozen.pt");
    refuse_with(file.data, file.size, NULL, "frozen ones hold their weights as constants");
    free(file.data);
    refuse_with("\x80\2N.", 4, NULL, "holds no NumPy arrays");
    refuse_with("\x80\2ctorch.storage\n_load_from_bytes\nU\1x\x85R.", 40, NULL,
                "that pickle.dump wrote, not torch.save");
    struct error err;
    struct checkpoint *checkpoint;
    assert_int_equal(checkpoint_load(FOLDER, NULL, &checkpoint, &err), STATUS_IO);
    assert_int_equal(checkpoint_load(FOLDER "/none.pth", NULL, &checkpoint, &err), STATUS_IO);
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
        check_clean(&err);
    } else {
        text = describe(checkpoint);
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
    struct byte_buffer file = read_data(name);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_as_float),
        cmocka_unit_test(test_float_views),
        cmocka_unit_test(test_choosing),
        cmocka_unit_test(test_ambiguous),
        cmocka_unit_test(test_prefix),
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_hostile_pickles),
        cmocka_unit_test(test_storages_that_lie),
        cmocka_unit_test(test_views_that_leave_their_storage),
        cmocka_unit_test(test_calls_with_other_arguments),
        cmocka_unit_test(test_hostile_names),
        cmocka_unit_test(test_arrays),
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_zip_entries_refused),
        cmocka_unit_test(test_zip_names_refused),
        cmocka_unit_test(test_zip_ends_refused),
        cmocka_unit_test(test_zip_contents_refused),
        cmocka_unit_test(test_zip_forms),
        cmocka_unit_test(test_zip64_refused),
        cmocka_unit_test(test_legacy_views),
        cmocka_unit_test(test_legacy_refused),
        cmocka_unit_test(test_safetensors_refused),
        cmocka_unit_test(test_safetensors_forms),
        cmocka_unit_test(test_safetensors_unknown),
        cmocka_unit_test(test_lookalikes),
        cmocka_unit_test(test_damaged_zip),
        cmocka_unit_test(test_damaged_legacy),
        cmocka_unit_test(test_damaged_safetensors),
        cmocka_unit_test(test_damaged_pickles),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
