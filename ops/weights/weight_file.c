/* The file: a header, a table of stored forms, then their data, each at the start of a page. All little-endian. */
#include "ops/weights/weight_file.h"

#include "base/checked.h"
#include "base/filemap.h"
#include "base/output.h"
#include "base/tensor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A digest of the sources that pack weights (Makefile): other code means another layout. */
#ifndef PACKING_SOURCES
#error "PACKING_SOURCES must be defined"
#endif

#define DATA_ALIGNMENT ((size_t)4096)
#define PART_BYTES ((size_t)4 << 20)
#define MOST_RECORDS 1000000

struct weight_header {
    char magic[16];
    char maker[40];
    uint64_t file_bytes;
    uint64_t count;
    struct digest table; /* of the table, and of this header with zero here */
};

struct row {
    struct digest source, whole, digest;
    uint64_t offset, bytes;
};

static const struct weight_header prototype = {"limner weights\n", "layout 1, sources " PACKING_SOURCES, 0, 0, {0, 0}};

struct weight_file {
    struct file_map map;
    struct weight_record *records;
    size_t count;
};

/* ---- reading ---- */

static struct digest digest_table(const struct weight_header *header, const struct row *rows, size_t count) {
    struct weight_header bare = *header;
    bare.table = (struct digest){0, 0};
    struct digest parts[2];
    parts[0] = digest_make(&bare, sizeof bare, 1, NULL, NULL);
    parts[1] = digest_make(rows, count * sizeof *rows, 1, NULL, NULL);
    return digest_make(parts, sizeof parts, 1, NULL, NULL);
}

static status check_header(const struct file_map *map, struct error *err) {
    const struct weight_header *header = (const struct weight_header *)map->data;
    if (map->bytes < sizeof *header || memcmp(header->magic, prototype.magic, sizeof header->magic) != 0)
        return fail(err, STATUS_INVALID_MODEL, "this is no file of packed weights");
    if (memcmp(header->maker, prototype.maker, sizeof header->maker) != 0)
        return fail(err, STATUS_UNSUPPORTED, "another version of limner wrote it");
    if (header->file_bytes != map->bytes || header->count > MOST_RECORDS ||
        header->count > (map->bytes - sizeof *header) / sizeof(struct row))
        return fail(err, STATUS_INVALID_MODEL, "the file is cut off or damaged");
    const struct row *rows = (const struct row *)(header + 1);
    const struct digest table = digest_table(header, rows, (size_t)header->count);
    return digest_equal(&table, &header->table) ? STATUS_OK
                                                : fail(err, STATUS_INVALID_MODEL, "the table of records is damaged");
}

static status read_rows(struct weight_file *file, struct error *err) {
    const struct weight_header *header = (const struct weight_header *)file->map.data;
    const struct row *rows = (const struct row *)(header + 1);
    file->count = (size_t)header->count;
    file->records = calloc(file->count + 1, sizeof *file->records);
    if (!file->records)
        return fail_memory(err, "the table of records");
    for (size_t i = 0; i < file->count; i++) {
        const struct row *row = &rows[i];
        if (row->offset % DATA_ALIGNMENT != 0 || row->offset > file->map.bytes ||
            row->bytes > file->map.bytes - row->offset)
            return fail(err, STATUS_INVALID_MODEL, "record %zu lies outside of the file", i);
        file->records[i] = (struct weight_record){
            {row->source, row->whole}, row->digest, file->map.data + row->offset, (size_t)row->bytes, true};
    }
    return STATUS_OK;
}

status weight_file_open(const char *path, struct weight_file **out, struct error *err) {
    *out = NULL;
    if (access(path, F_OK) != 0 && errno == ENOENT)
        return STATUS_OK;
    struct weight_file *file = calloc(1, sizeof *file);
    if (!file)
        return fail_memory(err, "a file of packed weights");
    status code = file_map_open(path, SIZE_MAX, &file->map, err);
    if (code == STATUS_OK)
        code = check_header(&file->map, err);
    if (code == STATUS_OK)
        code = read_rows(file, err);
    if (code != STATUS_OK) {
        weight_file_close(file);
        return fail_prefix(err, "%.400s", path);
    }
    *out = file;
    return STATUS_OK;
}

void weight_file_close(struct weight_file *file) {
    if (!file)
        return;
    file_map_close(&file->map);
    free(file->records);
    free(file);
}

const struct weight_record *weight_file_record(const struct weight_file *file, size_t i) {
    return file && i < file->count ? &file->records[i] : NULL;
}

static bool key_equal(const struct weight_key *x, const struct weight_key *y) {
    return digest_equal(&x->source, &y->source) && digest_equal(&x->whole, &y->whole);
}

const struct weight_record *weight_file_find(const struct weight_file *file, const struct weight_key *key,
                                             size_t bytes) {
    for (size_t i = 0; file && i < file->count; i++)
        if (file->records[i].bytes == bytes && key_equal(&file->records[i].key, key))
            return &file->records[i];
    return NULL;
}

bool weight_record_intact(const struct weight_record *record, int threads) {
    const struct digest digest = digest_make(record->data, record->bytes, threads, NULL, NULL);
    return digest_equal(&digest, &record->digest);
}

/* ---- writing ---- */

static size_t page_after(size_t offset) {
    return (offset + DATA_ALIGNMENT - 1) / DATA_ALIGNMENT * DATA_ALIGNMENT;
}

static void fill_table(struct weight_header *header, struct row *rows, const struct weight_record *records,
                       size_t count) {
    size_t end = sizeof *header + count * sizeof *rows;
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct row){records[i].key.source, records[i].key.whole, records[i].digest, page_after(end),
                               records[i].bytes};
        end = (size_t)rows[i].offset + records[i].bytes;
    }
    *header = prototype;
    header->file_bytes = end;
    header->count = count;
    header->table = digest_table(header, rows, count);
}

/* A part at a time: what is copied from a mapped file does not gather in memory. */
static void write_data(struct output *output, const struct weight_record *record) {
    const struct tensor view = {.data = (void *)(uintptr_t)record->data, .mapped = record->mapped};
    for (size_t first = 0; first < record->bytes; first += PART_BYTES) {
        const size_t count = record->bytes - first < PART_BYTES ? record->bytes - first : PART_BYTES;
        output_write(output, (const unsigned char *)record->data + first, count);
        tensor_drop_range(&view, first, count);
    }
}

static status write_all(struct output *output, const struct weight_record *records, size_t count, struct error *err) {
    struct weight_header header;
    struct row *rows = calloc(count + 1, sizeof *rows);
    if (!rows)
        return fail_memory(err, "the table of records");
    fill_table(&header, rows, records, count);
    output_write(output, &header, sizeof header);
    output_write(output, rows, count * sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        output_align(output, DATA_ALIGNMENT);
        write_data(output, &records[i]);
    }
    free(rows);
    return output_close(output, err);
}

status weight_file_write(const char *path, const struct weight_record *records, size_t count, struct error *err) {
    struct output output = {.fd = -1};
    status code = output_open(&output, path, err);
    if (code == STATUS_OK)
        code = write_all(&output, records, count, err);
    if (code == STATUS_OK)
        code = output_commit(&output, err);
    output_discard(&output);
    return code;
}
