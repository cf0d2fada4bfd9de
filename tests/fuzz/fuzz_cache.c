/*
 * Files of packed weights: whatever the bytes are, opening says no or every record can be read to its end. The first
 * byte says how the rest is used: as a whole file; or as a table and data in a file whose header and digests are right,
 * which a stranger can make, too.
 */
#include "base/output.h"
#include "ops/weights/weight_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEADER_BYTES 88 /* magic 16, maker 40, size of the file 8, count of rows 8, digest 16 */
#define ROW_BYTES 64
#define AT_BYTES 56
#define AT_COUNT 64
#define AT_DIGEST 72
#define MOST_BYTES ((size_t)1 << 17)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition) {
    if (!condition)
        abort();
}

/* A header of this very build: that of a file without records. */
static void make_header(uint8_t header[HEADER_BYTES]) {
    static uint8_t made[HEADER_BYTES];
    static bool done;
    char path[64];
    struct error err;
    snprintf(path, sizeof path, "/tmp/limner-fuzz-cache-%ld", (long)getpid());
    if (!done) {
        require(weight_file_write(path, NULL, 0, &err) == STATUS_OK);
        FILE *file = fopen(path, "rb");
        require(file && fread(made, 1, sizeof made, file) == sizeof made && fgetc(file) == EOF);
        fclose(file);
        unlink(path);
        done = true;
    }
    memcpy(header, made, sizeof made);
}

static void seal(uint8_t *file, size_t size, uint64_t count) {
    const struct digest none = {0, 0};
    struct digest parts[2], table;
    const uint64_t bytes = size;
    memcpy(file + AT_BYTES, &bytes, sizeof bytes);
    memcpy(file + AT_COUNT, &count, sizeof count);
    memcpy(file + AT_DIGEST, &none, sizeof none);
    parts[0] = digest_make(file, HEADER_BYTES, 1, NULL, NULL);
    parts[1] = digest_make(file + HEADER_BYTES, count * ROW_BYTES, 1, NULL, NULL);
    table = digest_make(parts, sizeof parts, 1, NULL, NULL);
    memcpy(file + AT_DIGEST, &table, sizeof table);
}

static size_t make_file(const uint8_t *data, size_t size, uint8_t *file) {
    if (size == 0 || data[0] % 2 == 0) {
        memcpy(file, data, size);
        return size;
    }
    const size_t rest = size - 1, most = rest / ROW_BYTES;
    make_header(file);
    memcpy(file + HEADER_BYTES, data + 1, rest);
    seal(file, HEADER_BYTES + rest, data[0] / 2 < most ? data[0] / 2 : most);
    return HEADER_BYTES + rest;
}

static void read_all(const struct weight_file *file) {
    const struct weight_record *record;
    volatile uint8_t byte;
    for (size_t i = 0; (record = weight_file_record(file, i)) != NULL; i++) {
        require(weight_file_find(file, &record->key, record->bytes) != NULL);
        (void)weight_record_intact(record, 1);
        for (size_t k = 0; k < record->bytes; k++)
            byte = ((const uint8_t *)record->data)[k];
    }
    (void)byte;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static uint8_t bytes[MOST_BYTES];
    struct weight_file *file;
    struct error err;
    char path[64];
    if (size > MOST_BYTES - HEADER_BYTES)
        return 0;
    const size_t count = make_file(data, size, bytes);
    const int fd = memfd_create("cache", 0);
    require(fd >= 0 && write(fd, bytes, count) == (ssize_t)count);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    err.message[0] = 0;
    if (weight_file_open(path, &file, &err) == STATUS_OK) {
        require(file != NULL);
        read_all(file);
    } else {
        require(file == NULL && err.message[0] != 0);
    }
    weight_file_close(file);
    close(fd);
    return 0;
}
