/*
 * Zip archives of which torch.save makes use: entries stored as they are, or deflated by who packed them again. Only
 * the central directory counts; entries are found where they lie, and deflated ones unpacked when they are wanted;
 * entries that overlap, share a name, or differ from their local header are refused.
 *
 * Why no library reads the directory: libzip 1.7 has no call that says where an entry's data lies. Minizip has one,
 * but that of Debian 12 (1.1-8+deb12u1) reads no ZIP64 fields of entries on 64-bit machines: it compares the 32-bit
 * sizes and places with 2^64 - 1. In a checkpoint of 5 GiB, the storage that began beyond 4 GiB could not be opened
 * (UNZ_BADZIPFILE); where the sizes were in ZIP64 form, too, no entry could. Besides, it opens archives with a byte
 * missing from the end record, prepended bytes, two entries of one name, other local names, or more entries than
 * counted, and gives no reason when it opens nothing: the checks here would stay, and reading ZIP64 fields with them.
 */
#ifndef LIMNER_TOOLS_CHECKPOINT_ARCHIVE_H
#define LIMNER_TOOLS_CHECKPOINT_ARCHIVE_H

#include "base/names.h"
#include "base/pool.h"
#include "base/status.h"

struct archive_entry {
    const char *name;
    const uint8_t *data;   /* NULL when it is not stored as it is */
    const uint8_t *packed; /* of a deflated one, else NULL */
    size_t packed_bytes;
    size_t bytes;
    size_t header, end; /* where its local header begins and its data ends in the file */
    unsigned method, flags;
    uint32_t checksum; /* CRC-32; 0: there is none */
};

struct archive {
    struct archive_entry *entries;
    size_t count;
    struct names names; /* -> index in entries */
};

/* Reads the directory; entries live in the pool. Close it after errors, too. */
status archive_open(const uint8_t *data, size_t bytes, size_t max_entries, struct pool *pool, struct archive *archive,
                    struct error *err);
void archive_close(struct archive *archive);

/* NULL: there is none of this name. */
struct archive_entry *archive_find(const struct archive *archive, const char *name);
/* STATUS_UNSUPPORTED for an entry without data; STATUS_INVALID_MODEL when `checked` and its checksum differs.
 */
status archive_check(const struct archive_entry *entry, bool checked, struct error *err);

#endif
