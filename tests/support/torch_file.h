/* Checkpoint files built in memory, true ones and lying ones. */
#ifndef LIMNER_TESTS_SUPPORT_TORCH_FILE_H
#define LIMNER_TESTS_SUPPORT_TORCH_FILE_H

#include <stddef.h>
#include <stdint.h>

struct file_bytes {
    unsigned char *data; /* on the heap */
    size_t size, capacity;
};

void bytes_put(struct file_bytes *bytes, const void *data, size_t size);
/* Little-endian. */
void bytes_number(struct file_bytes *bytes, uint64_t number, int width);
void bytes_free(struct file_bytes *bytes);

/* An entry of a zip archive. What is not zero replaces the truth in the archive's directory. */
struct zip_member {
    const char *name;
    const void *data;
    size_t size;
    unsigned method, flags;
    uint32_t checksum, stored, whole, place; /* checksum 1: none is written */
    const char *local_name;
};

/* What the end record says instead of the truth, where it is not zero. */
struct zip_end {
    unsigned count;
    uint32_t begin, length;
    unsigned disk;
};

/* The archive; the caller frees it. end may be NULL. */
struct file_bytes zip_build(const struct zip_member *members, size_t count, const struct zip_end *end);

/* The same with its directory and end record in the forms of ZIP64. */
struct file_bytes zip_build64(const struct zip_member *members, size_t count);

#endif
