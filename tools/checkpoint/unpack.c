#include "tools/checkpoint/unpack.h"

#include <limits.h>
#include <zlib.h>

/* Deflate makes at most so many bytes of one. */
#define MOST_EXPANSION 1032

static uInt part(size_t bytes) {
    return bytes < UINT_MAX ? (uInt)bytes : UINT_MAX;
}

/* Exactly the entry's bytes, of all its packed ones. */
static bool inflate_all(const struct archive_entry *entry, uint8_t *to, bool *starved) {
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)entry->packed, .next_out = to};
    size_t in = entry->packed_bytes, out = entry->bytes;
    int code = Z_OK;
    *starved = inflateInit2(&stream, -MAX_WBITS) != Z_OK;
    if (*starved)
        return false;
    while (code == Z_OK) {
        const uInt given = stream.avail_in = part(in), space = stream.avail_out = part(out);
        code = inflate(&stream, Z_NO_FLUSH);
        in -= given - stream.avail_in;
        out -= space - stream.avail_out;
        if (code == Z_OK && given == stream.avail_in && space == stream.avail_out)
            break; /* it wants more than there is */
    }
    inflateEnd(&stream);
    *starved = code == Z_MEM_ERROR;
    return code == Z_STREAM_END && in == 0 && out == 0;
}

static status unpack(struct checkpoint *checkpoint, struct archive_entry *entry, struct error *err) {
    if (entry->bytes / MOST_EXPANSION > entry->packed_bytes)
        return fail(err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" is damaged: %zu bytes cannot unpack to %zu",
                    entry->name, entry->packed_bytes, entry->bytes);
    uint8_t *data = checkpoint_room(checkpoint, entry->bytes, err);
    if (!data)
        return fail_prefix(err, "zip entry \"%.200s\"", entry->name);
    bool starved;
    const bool whole = inflate_all(entry, data, &starved);
    if (starved)
        return fail_memory(err, "an entry of the archive");
    if (!whole)
        return fail(err, STATUS_INVALID_MODEL, "zip entry \"%.200s\" is damaged: it does not unpack to its %zu bytes",
                    entry->name, entry->bytes);
    entry->data = data;
    return STATUS_OK;
}

status unpack_entry(struct checkpoint *checkpoint, struct archive_entry *entry, bool checked, struct error *err) {
    const bool first = !entry->data && entry->packed;
    const status code = first ? unpack(checkpoint, entry, err) : STATUS_OK;
    return code ? code : archive_check(entry, checked || first, err);
}
