#include "tests/support/checkpoint_file.h"

#include "tests/support/support.h"
#include "tools/checkpoint/choose.h"
#include "tools/checkpoint/view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

const float saved_numbers[6] = {0, 1, 2, 3, 4, 5};

struct byte_buffer read_saved(const char *name) {
    char path[512];
    struct error err;
    struct byte_buffer file;
    snprintf(path, sizeof path, CHECKPOINT_FOLDER "/%s", name);
    if (file_read(path, &file, &err))
        fail_msg("%s: %s", path, err.message);
    return file;
}

struct checkpoint *load_saved(const char *name) {
    char path[512];
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    snprintf(path, sizeof path, CHECKPOINT_FOLDER "/%s", name);
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

char *describe_saved(const struct checkpoint *checkpoint) {
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

void check_saved_error(const struct error *err) {
    assert_true(err->code != STATUS_OK && err->code != STATUS_NO_MEMORY);
    assert_int_equal(strncmp(err->message, "x.pth: ", 7), 0);
    assert_true(strlen(err->message) > 17);
    for (const char *c = err->message; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            fail_msg("byte %d of the message is a control character: %s", (int)(c - err->message), err->message);
}

void refuse_saved(const void *data, size_t size, const struct checkpoint_limits *limits, const char *part) {
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    unsigned char *exact = malloc(size + !size); /* what lies behind is out of bounds */
    memcpy(exact, data, size);
    if (!checkpoint_load_memory(exact, size, "x.pth", limits, &checkpoint, &err))
        fail_msg("was read, but \"%s\" was expected", part);
    assert_null(checkpoint);
    check_saved_error(&err);
    if (!strstr(err.message, part))
        fail_msg("\"%s\" does not say \"%s\"", err.message, part);
    free(exact);
}

struct file_bytes wrap_pickle(const void *pickle, size_t size) {
    struct file_bytes stream = {0};
    bytes_put(&stream, "\x80\2", 2);
    bytes_put(&stream, pickle, size);
    bytes_put(&stream, ".", 1);
    const struct zip_member members[] = {{.name = "a/data.pkl", .data = stream.data, .size = stream.size},
                                         {.name = "a/data/0", .data = saved_numbers, .size = sizeof saved_numbers}};
    struct file_bytes zip = zip_build(members, 2, NULL);
    bytes_free(&stream);
    return zip;
}

void refuse_pickle(const void *pickle, size_t size, const struct checkpoint_limits *limits, const char *part) {
    struct file_bytes zip = wrap_pickle(pickle, size);
    refuse_saved(zip.data, zip.size, limits, part);
    bytes_free(&zip);
}

void accept_pickle(const void *pickle, size_t size, const char *expected) {
    struct error err = {STATUS_OK, ""};
    struct checkpoint *checkpoint;
    struct file_bytes zip = wrap_pickle(pickle, size);
    if (checkpoint_load_memory(zip.data, zip.size, "x.pth", NULL, &checkpoint, &err))
        fail_msg("%s, expected %s", err.message, expected);
    char *text = describe_saved(checkpoint);
    assert_string_equal(text, expected);
    free(text);
    checkpoint_close(checkpoint);
    bytes_free(&zip);
}

void accept_with_sum(const void *pickle, size_t size, const char *key, const char *rest) {
    char expected[200];
    const unsigned sum = (unsigned)crc32_z(0, (const void *)saved_numbers, sizeof saved_numbers);
    snprintf(expected, sizeof expected, "tensor\t%s\tfloat\t2x3\t%08x\n%s", key, sum, rest);
    accept_pickle(pickle, size, expected);
}
