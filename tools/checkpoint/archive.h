/*
 * Zip archives of which torch.save makes use: entries stored as they are. Only the central directory counts; entries
 * are found where they lie, nothing is unpacked or copied. Libraries for zip hand out copies and forgive much; here
 * entries that overlap, share a name, or differ from their local header are refused.
 */
#ifndef LIMNER_TOOLS_CHECKPOINT_ARCHIVE_H
#define LIMNER_TOOLS_CHECKPOINT_ARCHIVE_H

#include "onnx/names.h"
#include "onnx/pool.h"
#include "onnx/status.h"

struct archive_entry {
    const char *name;
    const uint8_t *data; /* NULL when it is not stored as it is */
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
const struct archive_entry *archive_find(const struct archive *archive, const char *name);
/* STATUS_UNSUPPORTED for a compressed or encrypted entry; STATUS_INVALID_MODEL when `checked` and its checksum differs.
 */
status archive_check(const struct archive_entry *entry, bool checked, struct error *err);

#endif
