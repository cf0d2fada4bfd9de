#include "base/names.h"

#include "base/entropy.h"

#include <stdlib.h>
#include <string.h>

static uint64_t rotate(uint64_t x, int bits) {
    return x << bits | x >> (64 - bits);
}

static void sip_round(uint64_t v[4]) {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* SipHash with one round per word and three at the end. */
static uint32_t hash_name(const uint64_t key[2], const char *name) {
    uint64_t v[4] = {key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du, key[0] ^ 0x6c7967656e657261u,
                     key[1] ^ 0x7465646279746573u};
    const size_t length = strlen(name);
    size_t at = 0;
    uint64_t word;
    for (; at + sizeof word <= length; at += sizeof word) {
        memcpy(&word, name + at, sizeof word);
        sip_word(v, word);
    }
    word = (uint64_t)length << 56;
    memcpy(&word, name + at, length - at);
    sip_word(v, word);
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return (uint32_t)(v[0] ^ v[1] ^ v[2] ^ v[3]);
}

/* The entry that holds the name, or the free one where it belongs. The map has a free entry. */
static struct name_entry *find_entry(const struct names *names, const char *name, uint32_t hash) {
    for (size_t i = hash & (names->capacity - 1);; i = (i + 1) & (names->capacity - 1)) {
        struct name_entry *entry = &names->entries[i];
        if (!entry->name || (entry->hash == hash && strcmp(entry->name, name) == 0))
            return entry;
    }
}

int names_find(const struct names *names, const char *name) {
    if (names->count == 0)
        return NAME_ABSENT;
    const struct name_entry *entry = find_entry(names, name, hash_name(names->key, name));
    return entry->name ? entry->number : NAME_ABSENT;
}

static void choose_key(struct names *names) {
    names->key[0] = entropy_number();
    names->key[1] = entropy_number();
}

static bool grow(struct names *names) {
    const size_t capacity = names->capacity ? names->capacity * 2 : 16;
    struct names bigger = {.entries = calloc(capacity, sizeof *bigger.entries), .capacity = capacity};
    if (!bigger.entries)
        return false;
    for (size_t i = 0; i < names->capacity; i++)
        if (names->entries[i].name)
            *find_entry(&bigger, names->entries[i].name, names->entries[i].hash) = names->entries[i];
    free(names->entries);
    names->entries = bigger.entries;
    names->capacity = capacity;
    return true;
}

bool names_put(struct names *names, const char *name, int number) {
    if (names->capacity == 0)
        choose_key(names);
    if (names->count * 2 >= names->capacity && !grow(names))
        return false;
    const uint32_t hash = hash_name(names->key, name);
    struct name_entry *entry = find_entry(names, name, hash);
    names->count += !entry->name;
    *entry = (struct name_entry){.name = entry->name ? entry->name : name, .hash = hash, .number = number};
    return true;
}

void names_free(struct names *names) {
    free(names->entries);
    *names = (struct names){0};
}
