/*
 * A thousand and more damaged and hostile checkpoints, made so that none of them can be read: each gives one clean
 * error, soon, in little memory. test_checkpoint.c has each kind of damage by hand, and damage that may do no harm.
 */
#include "tests/support/support.h"

#include "tests/support/torch_file.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/files/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { CASES = 200, SECONDS_PER_CASE = 20, MOST_MEGABYTES = 500 };

static const float numbers[6] = {0, 1, 2, 3, 4, 5};

#define PICK(list, random) (list)[random_int(random, 0, (int64_t)(sizeof(list) / sizeof((list)[0])) - 1)]

/* ---- files of PyTorch ---- */

static struct file_bytes read_file(const char *name) {
    char path[512];
    struct error err;
    struct byte_buffer file;
    struct file_bytes copy = {0};
    snprintf(path, sizeof path, "tests/data/checkpoints/%s", name);
    if (file_read(path, &file, &err))
        fail_msg("%s", err.message);
    bytes_put(&copy, file.data, file.size);
    free(file.data);
    return copy;
}

/* Up to 40 bytes of the file's first half are missing. */
static struct file_bytes lose_piece(struct file_bytes file, struct random *random) {
    const size_t at = (size_t)random_int(random, 0, (int64_t)file.size / 2);
    const size_t wanted = (size_t)random_int(random, 1, 40), count = wanted < file.size - at ? wanted : file.size - at;
    memmove(file.data + at, file.data + at + count, file.size - at - count);
    file.size -= count;
    return file;
}

static struct file_bytes broken_zip(struct random *random) {
    static const char *const names[] = {"views.pth", "training.pth", "plain.pth"};
    return lose_piece(read_file(PICK(names, random)), random);
}

/* Cut off, since it notes nothing by which a loss within would always show. */
static struct file_bytes broken_legacy(struct random *random) {
    static const char *const names[] = {"views-legacy.pth", "training-legacy.pth", "plain-legacy.pth"};
    struct file_bytes file = read_file(PICK(names, random));
    file.size = (size_t)random_int(random, 0, (int64_t)file.size - 1);
    return file;
}

static struct file_bytes broken_safetensors(struct random *random) {
    static const char *const names[] = {"types.safetensors", "plain.safetensors"};
    return lose_piece(read_file(PICK(names, random)), random);
}

/* ---- pickles ---- */

#define PUT(PICKLE, BYTES) bytes_put(PICKLE, BYTES, sizeof(BYTES) - 1)
#define PIECE(BYTES) \
    { BYTES, sizeof(BYTES) - 1 }

static void put_text(struct file_bytes *pickle, const char *text) {
    PUT(pickle, "X");
    bytes_number(pickle, strlen(text), 4);
    bytes_put(pickle, text, strlen(text));
}

static void put_integer(struct file_bytes *pickle, uint64_t number) {
    PUT(pickle, "\x8a\x08");
    bytes_number(pickle, number & INT64_MAX, 8);
}

static struct file_bytes archive_of(struct file_bytes *pickle) {
    const struct zip_member members[] = {{.name = "a/data.pkl", .data = pickle->data, .size = pickle->size},
                                         {.name = "a/data/0", .data = numbers, .size = sizeof numbers}};
    struct file_bytes zip = zip_build(members, 2, NULL);
    bytes_free(pickle);
    return zip;
}

static void put_any(struct file_bytes *pickle, const struct text *pieces, size_t count, struct random *random) {
    const struct text *piece = &pieces[random_int(random, 0, (int64_t)count - 1)];
    bytes_put(pickle, piece->bytes, piece->length);
}

static void put_harmless(struct file_bytes *pickle, struct random *random) {
    static const struct text pieces[] = {PIECE("N0"),
                                         PIECE("K\1\x30"),
                                         PIECE(")0"),
                                         PIECE("}0"),
                                         PIECE("]0"),
                                         PIECE("cos\nsystem\n0"),
                                         PIECE("cos\nsystem\nX\2\0\0\0id\x85R0")};
    for (int64_t i = random_int(random, 0, 20); i > 0; i--)
        put_any(pickle, pieces, sizeof pieces / sizeof pieces[0], random);
}

/* What Python's reader would do and this one must not (calls by text, instances, extensions, buffers), and misuse. */
static void put_hostile(struct file_bytes *pickle, struct random *random) {
    static const struct text pieces[] = {PIECE("(cos\nsystem\nS'id'\no"),
                                         PIECE("(S'id'\nios\nsystem\n"),
                                         PIECE("S'id'\n"),
                                         PIECE("I7\n"),
                                         PIECE("L7L\n"),
                                         PIECE("F7\n"),
                                         PIECE("Vid\n"),
                                         PIECE("P0\n"),
                                         PIECE("p0\n"),
                                         PIECE("g0\n"),
                                         PIECE("\x82\1"),
                                         PIECE("\x83\1\1"),
                                         PIECE("\x84\1\1\1\1"),
                                         PIECE("\x96\xff\xff\xff\xff\xff\xff\xff\x7f"),
                                         PIECE("\x97"),
                                         PIECE("\x98"),
                                         PIECE("\xff"),
                                         PIECE("R"),
                                         PIECE("b"),
                                         PIECE("\x81")};
    put_any(pickle, pieces, sizeof pieces / sizeof pieces[0], random);
}

static struct file_bytes pickle_of(struct random *random, bool hostile) {
    struct file_bytes pickle = {0};
    PUT(&pickle, "\x80\2");
    put_harmless(&pickle, random);
    if (hostile)
        put_hostile(&pickle, random);
    PUT(&pickle, "N.");
    return archive_of(&pickle);
}

static struct file_bytes hostile_pickle(struct random *random) {
    return pickle_of(random, true);
}

/* A tensor of two dimensions in a storage; six floats are there. */
static struct file_bytes tensor_of(const char *type, uint64_t stored, uint64_t offset, const uint64_t sizes[2],
                                   const uint64_t strides[2]) {
    struct file_bytes pickle = {0};
    char class[64];
    snprintf(class, sizeof class, "ctorch\n%s\n", type);
    PUT(&pickle, "\x80\2}");
    put_text(&pickle, "w");
    PUT(&pickle, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(&pickle, "storage");
    bytes_put(&pickle, class, strlen(class));
    put_text(&pickle, "0");
    put_text(&pickle, "cpu");
    put_integer(&pickle, stored);
    PUT(&pickle, "tQ");
    put_integer(&pickle, offset);
    for (int i = 0; i < 2; i++) {
        const uint64_t *pair = i ? strides : sizes;
        put_integer(&pickle, pair[0]);
        put_integer(&pickle, pair[1]);
        PUT(&pickle, "\x86");
    }
    PUT(&pickle, "\x89"
                 "ccollections\nOrderedDict\n)RtRs.");
    return archive_of(&pickle);
}

static uint64_t any_number(struct random *random) {
    return random_next(random) >> random_int(random, 1, 60);
}

/* The storage has another size than is said, or the tensor leaves it. */
static struct file_bytes lying_storage(struct random *random) {
    static const char *const types[] = {"DoubleStorage", "HalfStorage", "ByteStorage", "LongStorage", "BoolStorage"};
    const uint64_t sizes[2] = {2, 3}, strides[2] = {3, 1};
    const uint64_t more = 7 + any_number(random);
    const uint64_t longer[2] = {random_int(random, 0, 1) ? 2 : more, more}, farther[2] = {more, more};
    switch (random_int(random, 0, 4)) {
    case 0:
        return tensor_of("FloatStorage", more, 0, sizes, strides);
    case 1:
        return tensor_of(PICK(types, random), 6, 0, sizes, strides);
    case 2:
        return tensor_of("FloatStorage", 6, more, sizes, strides);
    case 3:
        return tensor_of("FloatStorage", 6, 0, longer, strides);
    default:
        return tensor_of("FloatStorage", 6, 0, sizes, farther);
    }
}

/* ---- what would grow ---- */

static const char empty_pickle[] = "\x80\2N.";

static struct file_bytes archive_with(struct zip_member pickle, struct zip_end *end) {
    const struct zip_member members[] = {pickle, {.name = "a/data/0", .data = numbers, .size = sizeof numbers}};
    return zip_build(members, 2, end);
}

static struct file_bytes zip_bomb(struct random *random) {
    struct zip_member pickle = {.name = "a/data.pkl", .data = empty_pickle, .size = 4};
    struct zip_end end = {0};
    const uint32_t huge = (uint32_t)random_int(random, 100000, UINT32_MAX - 1);
    switch (random_int(random, 0, 4)) {
    case 0: /* compressed very well */
        pickle.method = 8;
        pickle.whole = huge;
        break;
    case 1: /* the same without saying so */
        pickle.whole = huge;
        break;
    case 2:
        pickle.whole = pickle.stored = huge;
        break;
    case 3: /* reaches over the entry behind it */
        pickle.whole = pickle.stored = (uint32_t)random_int(random, 5, 60);
        pickle.checksum = 1;
        break;
    default:
        end.count = (unsigned)random_int(random, 3, 0xfffe);
    }
    return archive_with(pickle, &end);
}

static struct file_bytes nested(int64_t levels, bool twice) {
    static const struct text once = PIECE("]h\1aq\1\x30"), often = PIECE("]h\1ah\1aq\1\x30");
    const struct text *level = twice ? &often : &once;
    struct file_bytes pickle = {0};
    PUT(&pickle, "\x80\2)q\1\x30");
    for (int64_t i = 0; i < levels; i++)
        bytes_put(&pickle, level->bytes, level->length);
    PUT(&pickle, "h\1.");
    return archive_of(&pickle);
}

/* Lists that hold each other, deep or often. */
static struct file_bytes pickle_bomb(struct random *random) {
    return nested(random_int(random, 33, 3000), random_int(random, 0, 1));
}

/* ---- the count ---- */

/* One line that a terminal shows as it is, and that says which file it is about. */
static bool is_clean(const struct error *err) {
    for (const char *c = err->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return false;
    return err->code != STATUS_OK && err->code != STATUS_NO_MEMORY && strncmp(err->message, "x.pth: ", 7) == 0 &&
           strlen(err->message) > 17;
}

static void refuse(const struct file_bytes *file, const char *kind, int i) {
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    unsigned char *exact = malloc(file->size + !file->size); /* what lies behind is out of bounds */
    memcpy(exact, file->data, file->size);
    alarm(SECONDS_PER_CASE);
    if (!checkpoint_load_memory(exact, file->size, "x.pth", NULL, &checkpoint, &err))
        fail_msg("%s, case %d, seed %llu: was read", kind, i, (unsigned long long)test_seed());
    alarm(0);
    if (!is_clean(&err))
        fail_msg("%s, case %d, seed %llu: \"%s\"", kind, i, (unsigned long long)test_seed(), err.message);
    assert_null(checkpoint);
    free(exact);
}

static void accept(struct file_bytes file) {
    struct error err;
    struct checkpoint *checkpoint;
    if (checkpoint_load_memory(file.data, file.size, "x.pth", NULL, &checkpoint, &err))
        fail_msg("%s", err.message);
    checkpoint_close(checkpoint);
    bytes_free(&file);
}

/* The same files without what makes them bad are read: nothing else is wrong with them. */
static void what_is_not_damaged_is_read(void **state) {
    (void)state;
    struct random random = random_from(test_seed());
    for (int i = 0; i < CASES; i++)
        accept(pickle_of(&random, false));
    accept(tensor_of("FloatStorage", 6, 0, (const uint64_t[]){2, 3}, (const uint64_t[]){3, 1}));
    accept(nested(10, false));
    accept(nested(10, true));
    accept(archive_with((struct zip_member){.name = "a/data.pkl", .data = empty_pickle, .size = 4}, NULL));
}

static void each_gives_a_clean_error(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct file_bytes (*make)(struct random *random);
    } kinds[] = {{"zip", broken_zip},
                 {"older", broken_legacy},
                 {"safetensors", broken_safetensors},
                 {"hostile pickle", hostile_pickle},
                 {"lying storage", lying_storage},
                 {"zip bomb", zip_bomb},
                 {"pickle bomb", pickle_bomb}};
    struct random random = random_from(test_seed());
    int refused = 0;
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
        for (int i = 0; i < CASES; i++, refused++) {
            struct file_bytes file = kinds[k].make(&random);
            refuse(&file, kinds[k].name, i);
            bytes_free(&file);
        }
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    print_message("%d checkpoints refused, peak memory %ld MB\n", refused, usage.ru_maxrss / 1024);
    assert_true(refused >= 1000);
    assert_true(usage.ru_maxrss / 1024 < MOST_MEGABYTES);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_is_not_damaged_is_read),
                                       cmocka_unit_test(each_gives_a_clean_error)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
