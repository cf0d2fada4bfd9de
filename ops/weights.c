#include "ops/weights.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct entry *next;
    const void *source;
    const char *name;
    int64_t numbers[12];
    size_t bytes;
    void *packed;
};

struct weight_cache {
    pthread_mutex_t mutex;
    struct entry *entries;
    size_t bytes;
};

struct weight_cache *weight_cache_create(void) {
    struct weight_cache *cache = calloc(1, sizeof *cache);
    if (cache && pthread_mutex_init(&cache->mutex, NULL) != 0) {
        free(cache);
        return NULL;
    }
    return cache;
}

void weight_cache_destroy(struct weight_cache *cache) {
    if (!cache)
        return;
    for (struct entry *entry = cache->entries, *next; entry; entry = next) {
        next = entry->next;
        free(entry->packed);
        free(entry);
    }
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

static bool matches(const struct entry *entry, const void *source, const struct packing *packing) {
    return entry->source == source && entry->bytes == packing->bytes && strcmp(entry->name, packing->name) == 0 &&
           memcmp(entry->numbers, packing->numbers, sizeof entry->numbers) == 0;
}

static const struct entry *find(const struct weight_cache *cache, const void *source, const struct packing *packing) {
    for (const struct entry *entry = cache->entries; entry; entry = entry->next)
        if (matches(entry, source, packing))
            return entry;
    return NULL;
}

static const struct entry *add(struct weight_cache *cache, const struct tensor *source, const struct packing *packing) {
    struct entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (struct entry){.source = source->data, .name = packing->name, .bytes = packing->bytes};
    memcpy(entry->numbers, packing->numbers, sizeof entry->numbers);
    if (packing->bytes > SIZE_MAX - 64 || !(entry->packed = aligned_alloc(64, (packing->bytes + 64) / 64 * 64))) {
        free(entry);
        return NULL;
    }
    packing->pack(entry->packed, source, packing->context);
    if (!packing->read_again)
        tensor_drop_pages(source);
    entry->next = cache->entries;
    cache->entries = entry;
    cache->bytes += packing->bytes;
    return entry;
}

const void *weight_cache_get(struct weight_cache *cache, const struct tensor *source, const struct packing *packing) {
    pthread_mutex_lock(&cache->mutex);
    const struct entry *entry = find(cache, source->data, packing);
    if (!entry)
        entry = add(cache, source, packing);
    pthread_mutex_unlock(&cache->mutex);
    return entry ? entry->packed : NULL;
}

size_t weight_cache_bytes(struct weight_cache *cache) {
    pthread_mutex_lock(&cache->mutex);
    const size_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->mutex);
    return bytes;
}
