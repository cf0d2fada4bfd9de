/* A map from names to numbers whose cost stays linear whatever names a file holds (the hash is keyed at random). */
#ifndef LIMNER_BASE_NAMES_H
#define LIMNER_BASE_NAMES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NAME_ABSENT INT_MIN

struct name_entry {
    const char *name; /* NULL: free */
    uint32_t hash;
    int number;
};

/* Zeroed is an empty map. */
struct names {
    struct name_entry *entries;
    size_t capacity, count; /* capacity is a power of two, or 0 */
    uint64_t key[2];
};

/* The number of the name, or NAME_ABSENT. */
int names_find(const struct names *names, const char *name);
/* Adds the name or changes its number; the text is not copied and must outlive the map. False without memory. */
bool names_put(struct names *names, const char *name, int number);
void names_free(struct names *names);

#endif
