/* Checkpoints for tests: those of tests/data/checkpoints, and pickles and zip files made by hand. */
#ifndef LIMNER_TESTS_SUPPORT_CHECKPOINT_FILE_H
#define LIMNER_TESTS_SUPPORT_CHECKPOINT_FILE_H

#include "tests/support/torch_file.h"
#include "tools/checkpoint/checkpoint.h"
#include "tools/files/file.h"

#define CHECKPOINT_FOLDER "tests/data/checkpoints"

/* A file of that folder; the test fails without it. */
struct byte_buffer read_saved(const char *name);
struct checkpoint *load_saved(const char *name);
/* What the file holds in the words of make_checkpoints.py; freed by the caller. */
char *describe_saved(const struct checkpoint *checkpoint);
/* One line that a terminal shows as it is, and that says which file it is about. */
void check_saved_error(const struct error *err);
/* Loads bytes that must be refused with a message that contains `part`. */
void refuse_saved(const void *data, size_t size, const struct checkpoint_limits *limits, const char *part);

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

extern const float saved_numbers[6];
/* The zip entry of storage "0". */
#define STORAGE_MEMBER \
    { .name = "a/data/0", .data = saved_numbers, .size = sizeof saved_numbers }

/* A zip file with this pickle (protocol and STOP added) and storage "0" of six floats. */
struct file_bytes wrap_pickle(const void *pickle, size_t size);
/* Must be refused with a message that contains `part`. */
void refuse_pickle(const void *pickle, size_t size, const struct checkpoint_limits *limits, const char *part);
/* Must hold what describe_saved() says so. */
void accept_pickle(const void *pickle, size_t size, const char *expected);
/* What describe_saved() says of the good tensor, whose path is key, and the lines behind it. */
void accept_with_sum(const void *pickle, size_t size, const char *key, const char *rest);

#define REFUSE_PICKLE(PICKLE, PART) refuse_pickle(PICKLE, sizeof(PICKLE) - 1, NULL, PART)
#define ACCEPT_PICKLE(PICKLE, TEXT) accept_pickle(PICKLE, sizeof(PICKLE) - 1, TEXT)
/* KEY is the good tensor's path, REST the lines behind it. */
#define ACCEPT_GOOD(PICKLE, KEY, REST) accept_with_sum(PICKLE, sizeof(PICKLE) - 1, KEY, REST)

#endif
