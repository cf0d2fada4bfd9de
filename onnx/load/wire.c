#include "onnx/load/wire.h"

#include <stdlib.h>
#include <string.h>

#define LENGTH_BYTES 5

bool wire_read_varint(const uint8_t *data, size_t *at, size_t end, uint64_t *value) {
    uint64_t result = 0;
    for (unsigned shift = 0; shift < 70 && *at < end; shift += 7) {
        const uint8_t byte = data[(*at)++];
        result |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *value = result;
            return true;
        }
    }
    return false;
}

static bool reserve(struct wire_buffer *buffer, size_t count) {
    if (count > buffer->limit - buffer->used) {
        buffer->full = true;
        return false;
    }
    const size_t needed = buffer->used + count;
    if (needed <= buffer->capacity)
        return true;
    size_t capacity = buffer->capacity ? buffer->capacity : 4096;
    while (capacity < needed)
        capacity *= 2;
    uint8_t *data = realloc(buffer->data, capacity);
    if (!data)
        return false;
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

bool wire_append(struct wire_buffer *buffer, const void *bytes, size_t count) {
    if (!reserve(buffer, count))
        return false;
    if (count)
        memcpy(buffer->data + buffer->used, bytes, count);
    buffer->used += count;
    return true;
}

bool wire_append_varint(struct wire_buffer *buffer, uint64_t value) {
    uint8_t bytes[10];
    size_t count = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[count++] = (uint8_t)(value | 0x80);
    bytes[count++] = (uint8_t)value;
    return wire_append(buffer, bytes, count);
}

bool wire_append_key(struct wire_buffer *buffer, uint32_t field, enum wire_type type) {
    return wire_append_varint(buffer, (uint64_t)field << 3 | type);
}

bool wire_open_length(struct wire_buffer *buffer, size_t *at) {
    const uint8_t placeholder[LENGTH_BYTES] = {0};
    *at = buffer->used;
    return wire_append(buffer, placeholder, sizeof placeholder);
}

void wire_close_length(struct wire_buffer *buffer, size_t at) {
    size_t length = buffer->used - at - LENGTH_BYTES;
    for (size_t i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        buffer->data[at + i] = (uint8_t)((length & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}
