#include "tests/support/torch_file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

void bytes_put(struct file_bytes *bytes, const void *data, size_t size) {
    if (bytes->size + size > bytes->capacity) {
        bytes->capacity = (bytes->size + size) * 2;
        bytes->data = realloc(bytes->data, bytes->capacity);
    }
    if (size)
        memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

void bytes_number(struct file_bytes *bytes, uint64_t number, int width) {
    unsigned char text[8];
    for (int i = 0; i < width; i++)
        text[i] = (unsigned char)(number >> (8 * i));
    bytes_put(bytes, text, (size_t)width);
}

void bytes_free(struct file_bytes *bytes) {
    free(bytes->data);
    *bytes = (struct file_bytes){0};
}

static uint32_t member_checksum(const struct zip_member *member) {
    if (member->checksum)
        return member->checksum == 1 ? 0 : member->checksum;
    return (uint32_t)crc32_z(0, member->data, member->size);
}

static void put_local(struct file_bytes *zip, const struct zip_member *member) {
    const char *name = member->local_name ? member->local_name : member->name;
    bytes_number(zip, 0x04034b50, 4);
    bytes_number(zip, 20, 2);
    bytes_number(zip, member->flags, 2);
    bytes_number(zip, member->method, 2);
    bytes_number(zip, 0, 4);
    bytes_number(zip, member_checksum(member), 4);
    bytes_number(zip, member->size, 4);
    bytes_number(zip, member->size, 4);
    bytes_number(zip, strlen(name), 2);
    bytes_number(zip, 0, 2);
    bytes_put(zip, name, strlen(name));
    bytes_put(zip, member->data, member->size);
}

static void put_central(struct file_bytes *zip, const struct zip_member *member, size_t place, bool wide) {
    const uint64_t stored = member->stored ? member->stored : member->size,
                   whole = member->whole ? member->whole : member->size, at = member->place ? member->place : place;
    bytes_number(zip, 0x02014b50, 4);
    bytes_number(zip, 20, 2);
    bytes_number(zip, 20, 2);
    bytes_number(zip, member->flags, 2);
    bytes_number(zip, member->method, 2);
    bytes_number(zip, 0, 4);
    bytes_number(zip, member_checksum(member), 4);
    bytes_number(zip, wide ? UINT32_MAX : stored, 4);
    bytes_number(zip, wide ? UINT32_MAX : whole, 4);
    bytes_number(zip, strlen(member->name), 2);
    bytes_number(zip, wide ? 4 + 4 + 28 : 0, 2);
    bytes_number(zip, 0, 2 + 2 + 2);
    bytes_number(zip, 0, 4);
    bytes_number(zip, wide ? UINT32_MAX : at, 4);
    bytes_put(zip, member->name, strlen(member->name));
    if (!wide)
        return;
    bytes_number(zip, 0x7075, 2); /* an extra field of another kind */
    bytes_number(zip, 0, 2);
    bytes_number(zip, 1, 2);
    bytes_number(zip, 28, 2);
    bytes_number(zip, whole, 8);
    bytes_number(zip, stored, 8);
    bytes_number(zip, at, 8);
    bytes_number(zip, 0, 4);
}

static void put_end64(struct file_bytes *zip, size_t count, size_t begin) {
    const size_t at = zip->size;
    bytes_number(zip, 0x06064b50, 4);
    bytes_number(zip, 44, 8);
    bytes_number(zip, 45, 2);
    bytes_number(zip, 45, 2);
    bytes_number(zip, 0, 8);
    bytes_number(zip, count, 8);
    bytes_number(zip, count, 8);
    bytes_number(zip, at - begin, 8);
    bytes_number(zip, begin, 8);
    bytes_number(zip, 0x07064b50, 4);
    bytes_number(zip, 0, 4);
    bytes_number(zip, at, 8);
    bytes_number(zip, 1, 4);
}

static struct file_bytes build(const struct zip_member *members, size_t count, const struct zip_end *end, bool wide) {
    static const struct zip_end truth;
    struct file_bytes zip = {0};
    size_t *places = calloc(count + 1, sizeof *places);
    end = end ? end : &truth;
    for (size_t i = 0; i < count; i++) {
        places[i] = zip.size;
        put_local(&zip, &members[i]);
    }
    const size_t begin = zip.size;
    for (size_t i = 0; i < count; i++)
        put_central(&zip, &members[i], places[i], wide);
    const size_t length = zip.size - begin;
    if (wide)
        put_end64(&zip, count, begin);
    bytes_number(&zip, 0x06054b50, 4);
    bytes_number(&zip, end->disk, 2);
    bytes_number(&zip, 0, 2);
    for (int i = 0; i < 2; i++)
        bytes_number(&zip, wide ? UINT16_MAX : end->count ? end->count : count, 2);
    bytes_number(&zip, wide ? UINT32_MAX : end->length ? end->length : length, 4);
    bytes_number(&zip, wide ? UINT32_MAX : end->begin ? end->begin : begin, 4);
    bytes_number(&zip, 0, 2);
    free(places);
    return zip;
}

struct file_bytes zip_build(const struct zip_member *members, size_t count, const struct zip_end *end) {
    return build(members, count, end, false);
}

struct file_bytes zip_build64(const struct zip_member *members, size_t count) {
    return build(members, count, NULL, true);
}
