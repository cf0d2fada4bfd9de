#include "runtime/session/sized.h"

#include <string.h>

#define MOST_BYTES 65536 /* of a structure that any version may have */

static size_t size_of(const void *structure) {
    size_t size;
    memcpy(&size, structure, sizeof size);
    return size;
}

static bool is_zero(const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

status sized_read(const void *given, void *known, size_t bytes, const char *name, struct error *err) {
    const size_t size = given ? size_of(given) : 0;
    memset(known, 0, bytes);
    if (!given || (size == 0 && is_zero(given, bytes)))
        return STATUS_OK;
    if (size < sizeof size || size > MOST_BYTES)
        return fail(err, STATUS_INVALID_ARGUMENT, "%s.size is %zu, expected sizeof(%s), which is %zu", name, size, name,
                    bytes);
    if (size > bytes && !is_zero((const char *)given + bytes, size - bytes))
        return fail(err, STATUS_INVALID_ARGUMENT,
                    "%s has %zu bytes, of which this version knows %zu; the rest is not 0", name, size, bytes);
    memcpy(known, given, size < bytes ? size : bytes);
    return STATUS_OK;
}

bool sized_write(void *given, const void *known, size_t bytes) {
    const size_t size = size_of(given), both = size < bytes ? size : bytes;
    if (size < sizeof size || size > MOST_BYTES)
        return false;
    memset((char *)given + sizeof size, 0, size - sizeof size);
    memcpy((char *)given + sizeof size, (const char *)known + sizeof size, both - sizeof size);
    return true;
}
