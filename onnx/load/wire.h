/* Protobuf's wire format: numbers, keys and lengths, read with bounds and written into a growing buffer. */
#ifndef LIMNER_ONNX_LOAD_WIRE_H
#define LIMNER_ONNX_LOAD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_LENGTH = 2, /* texts, bytes, messages, packed numbers */
    WIRE_GROUP = 3,
    WIRE_GROUP_END = 4,
    WIRE_32 = 5
};

/* The base-128 number at *at, which is moved behind it; false when it does not end before `end` or within 10 bytes. */
bool wire_read_varint(const uint8_t *data, size_t *at, size_t end, uint64_t *value);

/* Bytes that are written; the caller frees data. */
struct wire_buffer {
    uint8_t *data;
    size_t used, capacity;
    size_t limit; /* no more bytes than this */
    bool full;    /* an append failed because of the limit (else for want of memory) */
};

/* Each returns false without memory or when the limit would be passed. */
bool wire_append(struct wire_buffer *buffer, const void *bytes, size_t count);
bool wire_append_varint(struct wire_buffer *buffer, uint64_t value);
bool wire_append_key(struct wire_buffer *buffer, uint32_t field, enum wire_type type);
/* Leaves room for a length that is known later; *at is for wire_close_length. */
bool wire_open_length(struct wire_buffer *buffer, size_t *at);
/* Writes how much was appended since wire_open_length, always in five bytes. */
void wire_close_length(struct wire_buffer *buffer, size_t at);

#endif
