#include "tools/checkpoint/archive.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* Sizes and signatures of the records of APPNOTE.TXT, without what varies in length. */
#define LOCAL_BYTES 30
#define LOCAL_MAGIC 0x04034b50u
#define CENTRAL_BYTES 46
#define CENTRAL_MAGIC 0x02014b50u
#define END_BYTES 22
#define END_MAGIC 0x06054b50u
#define LOCATOR_BYTES 20
#define LOCATOR_MAGIC 0x07064b50u
#define END64_BYTES 56
#define END64_MAGIC 0x06064b50u
#define COMMENT_MAX 65535
#define FLAG_ENCRYPTED (1u | 1u << 13)

struct archive_scan {
    const uint8_t *data;
    size_t bytes;
    struct pool *pool;
    struct error *err;
    /* From the end record. */
    size_t end;             /* where it begins, that of ZIP64 if there is one: nothing else reaches beyond */
    uint64_t count;         /* entries */
    uint64_t begin, length; /* of the central directory */
};

static uint64_t number(const uint8_t *at, unsigned width) {
    uint64_t value = 0;
    for (unsigned i = width; i-- > 0;)
        value = value << 8 | at[i];
    return value;
}

static unsigned u16(const uint8_t *at) {
    return (unsigned)number(at, 2);
}
static uint32_t u32(const uint8_t *at) {
    return (uint32_t)number(at, 4);
}

/* ---- the end records ---- */

/* The last record whose comment reaches to the end of the file. */
static bool find_end(const struct archive_scan *scan, size_t *at) {
    if (scan->bytes < END_BYTES)
        return false;
    const size_t last = scan->bytes - END_BYTES, first = last > COMMENT_MAX ? last - COMMENT_MAX : 0;
    for (size_t i = last + 1; i-- > first;)
        if (u32(scan->data + i) == END_MAGIC && u16(scan->data + i + 20) == scan->bytes - i - END_BYTES) {
            *at = i;
            return true;
        }
    return false;
}

/* Numbers that do not fit the end record stand in another one, to which a locator before the end record points. */
static status read_end64(struct archive_scan *scan, size_t end) {
    if (end < LOCATOR_BYTES || u32(scan->data + end - LOCATOR_BYTES) != LOCATOR_MAGIC)
        return STATUS_OK;
    const uint64_t at = number(scan->data + end - LOCATOR_BYTES + 8, 8);
    if (at > end - LOCATOR_BYTES || end - LOCATOR_BYTES - at < END64_BYTES || u32(scan->data + at) != END64_MAGIC)
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "the zip archive is damaged: no ZIP64 end record at byte %llu, where byte %zu says it is",
                    (unsigned long long)at, end - LOCATOR_BYTES);
    const uint8_t *record = scan->data + at;
    if (number(record + 16, 4) || number(record + 20, 4) || number(record + 24, 8) != number(record + 32, 8))
        return fail(scan->err, STATUS_UNSUPPORTED, "the zip archive is one part of several");
    scan->count = number(record + 32, 8);
    scan->length = number(record + 40, 8);
    scan->begin = number(record + 48, 8);
    scan->end = (size_t)at;
    return STATUS_OK;
}

static status read_end(struct archive_scan *scan) {
    size_t at;
    if (!find_end(scan, &at))
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "the zip archive has no end record within its %zu bytes: the file is cut off", scan->bytes);
    const uint8_t *record = scan->data + at;
    scan->count = u16(record + 10);
    scan->length = u32(record + 12);
    scan->begin = u32(record + 16);
    scan->end = at;
    const status code = read_end64(scan, at);
    if (code)
        return code;
    if (scan->end == at && (u16(record + 4) || u16(record + 6) || u16(record + 8) != u16(record + 10)))
        return fail(scan->err, STATUS_UNSUPPORTED, "the zip archive is one part of several");
    if (scan->begin > scan->end || scan->length > scan->end - scan->begin)
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "the zip archive is damaged: its directory of %llu bytes at byte %llu does not end before byte %zu",
                    (unsigned long long)scan->length, (unsigned long long)scan->begin, scan->end);
    return STATUS_OK;
}

/* ---- the central directory ---- */

/* Sizes and places above 32 bits stand in the extra field of ZIP64, those that are needed, in a fixed order. */
static bool read_extra64(const uint8_t *extra, size_t length, uint64_t *numbers[3]) {
    size_t at = 0;
    while (at + 4 <= length && u16(extra + at) != 1)
        at += 4 + u16(extra + at + 2);
    size_t left = at + 4 <= length ? u16(extra + at + 2) : 0;
    at += 4;
    for (int i = 0; i < 3; i++) {
        if (*numbers[i] != UINT32_MAX)
            continue;
        if (left < 8 || at + 8 > length)
            return false;
        *numbers[i] = number(extra + at, 8);
        at += 8;
        left -= 8;
    }
    return true;
}

static bool is_safe_name(const char *name, size_t length) {
    if (length == 0 || name[0] == '/' || memchr(name, 0, length) || memchr(name, '\\', length))
        return false;
    for (size_t at = 0; at < length;) {
        const char *slash = memchr(name + at, '/', length - at);
        const size_t part = slash ? (size_t)(slash - name) - at : length - at;
        if ((part == 2 && name[at] == '.' && name[at + 1] == '.') || (part == 1 && name[at] == '.'))
            return false;
        at += part + 1;
    }
    return true;
}

/* Where the entry's data lies: behind its local header, which must agree on the name. */
static status find_data(const struct archive_scan *scan, struct archive_entry *entry, uint64_t at, uint64_t stored,
                        size_t name_length) {
    const char *name = entry->name;
    const uint64_t limit = scan->begin;
    if (at > limit || limit - at < LOCAL_BYTES || u32(scan->data + at) != LOCAL_MAGIC)
        return fail(scan->err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" does not begin at byte %llu as it should",
                    name, (unsigned long long)at);
    const uint8_t *header = scan->data + at;
    const uint64_t skipped = LOCAL_BYTES + (uint64_t)u16(header + 26) + u16(header + 28);
    if (limit - at < skipped || limit - at - skipped < stored)
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "zip entry \"%.200s\" of %llu bytes at byte %llu reaches into the archive's directory at byte %llu",
                    name, (unsigned long long)stored, (unsigned long long)at, (unsigned long long)limit);
    if (u16(header + 26) != name_length || memcmp(header + LOCAL_BYTES, name, name_length) != 0)
        return fail(scan->err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" has another name at byte %llu", name,
                    (unsigned long long)at);
    entry->header = (size_t)at;
    entry->end = (size_t)(at + skipped + stored);
    if (entry->method == 0 && !(entry->flags & FLAG_ENCRYPTED))
        entry->data = header + skipped;
    if (entry->method == 8 && !(entry->flags & FLAG_ENCRYPTED)) {
        entry->packed = header + skipped;
        entry->packed_bytes = (size_t)stored;
    }
    return STATUS_OK;
}

/* One entry at *at, which is moved behind it. */
static status read_entry(struct archive_scan *scan, size_t *at, struct archive_entry *entry) {
    const uint8_t *record = scan->data + *at;
    const size_t left = (size_t)(scan->begin + scan->length) - *at;
    if (left < CENTRAL_BYTES || u32(record) != CENTRAL_MAGIC)
        return fail(scan->err, STATUS_INVALID_MODEL, "the zip archive's directory is damaged at byte %zu", *at);
    const size_t name_length = u16(record + 28), extra = u16(record + 30), comment = u16(record + 32);
    if (left - CENTRAL_BYTES < name_length + extra + comment)
        return fail(scan->err, STATUS_INVALID_MODEL, "the zip archive's directory ends within the entry at byte %zu",
                    *at);
    const char *name = (const char *)record + CENTRAL_BYTES;
    if (!is_safe_name(name, name_length))
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "the zip entry at byte %zu has a name that is not allowed: \"%.*s\"", *at,
                    name_length > 200 ? 200 : (int)name_length, name);
    uint64_t stored = u32(record + 20), whole = u32(record + 24), place = u32(record + 42);
    if (!read_extra64((const uint8_t *)name + name_length, extra, (uint64_t *[3]){&whole, &stored, &place}))
        return fail(scan->err, STATUS_INVALID_MODEL, "the zip entry at byte %zu lacks its ZIP64 sizes", *at);
    entry->name = pool_string(scan->pool, name, name_length);
    if (!entry->name)
        return fail_memory(scan->err, "the zip archive's directory");
    entry->flags = u16(record + 8);
    entry->method = u16(record + 10);
    entry->checksum = u32(record + 16);
    entry->bytes = (size_t)whole;
    if (entry->method == 0 && stored != whole)
        return fail(scan->err, STATUS_INVALID_MODEL,
                    "zip entry \"%.200s\" is stored as it is, but in %llu of %llu bytes", entry->name,
                    (unsigned long long)stored, (unsigned long long)whole);
    *at += CENTRAL_BYTES + name_length + extra + comment;
    return find_data(scan, entry, place, stored, name_length);
}

static int by_place(const void *left, const void *right) {
    const struct archive_entry *const *a = left, *const *b = right;
    return ((*a)->header > (*b)->header) - ((*a)->header < (*b)->header);
}

/* Entries that share bytes are the trick of archives that grow when they are unpacked. */
static status check_overlaps(const struct archive_scan *scan, const struct archive *archive) {
    const struct archive_entry **sorted = calloc(archive->count + 1, sizeof *sorted);
    if (!sorted)
        return fail_memory(scan->err, "the zip archive's directory");
    status code = STATUS_OK;
    for (size_t i = 0; i < archive->count; i++)
        sorted[i] = &archive->entries[i];
    qsort(sorted, archive->count, sizeof *sorted, by_place);
    for (size_t i = 1; i < archive->count && !code; i++)
        if (sorted[i]->header < sorted[i - 1]->end)
            code = fail(scan->err, STATUS_INVALID_MODEL, "the zip entries \"%.200s\" and \"%.200s\" overlap",
                        sorted[i - 1]->name, sorted[i]->name);
    free(sorted);
    return code;
}

static status read_directory(struct archive_scan *scan, struct archive *archive) {
    archive->entries = pool_array(scan->pool, (size_t)scan->count + 1, sizeof *archive->entries);
    if (!archive->entries)
        return fail_memory(scan->err, "the zip archive's directory");
    size_t at = (size_t)scan->begin;
    for (size_t i = 0; i < scan->count; i++) {
        struct archive_entry *entry = &archive->entries[i];
        const status code = read_entry(scan, &at, entry);
        if (code)
            return code;
        if (names_find(&archive->names, entry->name) != NAME_ABSENT)
            return fail(scan->err, STATUS_INVALID_MODEL, "there are two zip entries \"%.200s\"", entry->name);
        if (!names_put(&archive->names, entry->name, (int)i))
            return fail_memory(scan->err, "the zip archive's directory");
        archive->count++;
    }
    if (at != scan->begin + scan->length)
        return fail(scan->err, STATUS_INVALID_MODEL, "the zip archive's directory does not end with its last entry");
    return check_overlaps(scan, archive);
}

status archive_open(const uint8_t *data, size_t bytes, size_t max_entries, struct pool *pool, struct archive *archive,
                    struct error *err) {
    struct archive_scan scan = {.data = data, .bytes = bytes, .pool = pool, .err = err};
    *archive = (struct archive){0};
    const status code = read_end(&scan);
    if (code)
        return code;
    if (scan.count > max_entries)
        return fail(err, STATUS_LIMIT, "the zip archive has %llu entries, more than the limit of %zu",
                    (unsigned long long)scan.count, max_entries);
    if (scan.count > scan.length / CENTRAL_BYTES)
        return fail(err, STATUS_INVALID_MODEL, "the zip archive claims %llu entries in a directory of %llu bytes",
                    (unsigned long long)scan.count, (unsigned long long)scan.length);
    return read_directory(&scan, archive);
}

void archive_close(struct archive *archive) {
    names_free(&archive->names);
}

struct archive_entry *archive_find(const struct archive *archive, const char *name) {
    const int i = names_find(&archive->names, name);
    return i == NAME_ABSENT ? NULL : &archive->entries[i];
}

status archive_check(const struct archive_entry *entry, bool checked, struct error *err) {
    if (!entry->data)
        return fail(err, STATUS_UNSUPPORTED,
                    "zip entry \"%.200s\" is %s; torch.save stores entries as they are: unpack the archive and pack it "
                    "again with zip -0 -r",
                    entry->name, entry->flags & FLAG_ENCRYPTED ? "encrypted" : "compressed in a way that is not read");
    if (!checked || entry->checksum == 0)
        return STATUS_OK;
    const uint32_t actual = (uint32_t)crc32_z(0, entry->data, entry->bytes);
    if (actual != entry->checksum)
        return fail(err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" is damaged: its checksum is %08x, expected %08x",
                    entry->name, (unsigned)actual, (unsigned)entry->checksum);
    return STATUS_OK;
}
