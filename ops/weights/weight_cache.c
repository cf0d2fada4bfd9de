#include "ops/weights/weight_cache.h"

#include "base/region.h"
#include "base/sizes.h"
#include "ops/weights/weight_keys.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* From here on packed forms share slabs of huge pages, whose untouched ends cost nothing; smaller ones are the heap's.
 */
#define SLAB_LEAST ((size_t)1 << 20)
#define SLAB_BYTES ((size_t)128 << 20)

struct slab {
    struct slab *next;
    struct region region;
    size_t used;
};

struct cache_entry {
    struct cache_entry *next;
    const void *source, *second;
    const char *name;
    int64_t numbers[12];
    size_t bytes;
    const void *packed;
    size_t mapped;         /* bytes of the source, when nobody reads it any more and its pages can go */
    void *heap;            /* what to free */
    bool keyed;            /* key is set: the entry goes into the file */
    struct weight_key key; /* in the file */
};

struct weight_cache {
    pthread_mutex_t mutex;
    struct cache_entry *entries;
    size_t bytes;
    struct slab *slabs;
    char *path; /* of the file; NULL: none */
    struct weight_file *file;
    struct weight_keys keys;
    size_t unsaved; /* entries that the file does not hold */
    bool settled;
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
    for (struct cache_entry *entry = cache->entries, *next; entry; entry = next) {
        next = entry->next;
        free(entry->heap);
        free(entry);
    }
    for (struct slab *slab = cache->slabs, *next; slab; slab = next) {
        next = slab->next;
        region_release(&slab->region);
        free(slab);
    }
    weight_keys_close(&cache->keys);
    weight_file_close(cache->file);
    free(cache->path);
    pthread_mutex_destroy(&cache->mutex);
    free(cache);
}

/* ---- memory ---- */

static bool add_slab(struct weight_cache *cache, size_t bytes) {
    struct slab *slab = calloc(1, sizeof *slab);
    if (!slab || (!region_reserve(&slab->region, bytes > SLAB_BYTES ? bytes : SLAB_BYTES, true) &&
                  !region_reserve(&slab->region, bytes, true))) {
        free(slab);
        return false;
    }
    slab->next = cache->slabs;
    cache->slabs = slab;
    return true;
}

static void *take_memory(struct weight_cache *cache, struct cache_entry *entry) {
    if (entry->bytes > SIZE_MAX - 64)
        return NULL;
    const size_t bytes = whole_line_bytes(entry->bytes + 1);
    if (bytes < SLAB_LEAST)
        return entry->heap = aligned_alloc(64, bytes);
    struct slab *slab = cache->slabs;
    if ((!slab || slab->region.bytes - slab->used < bytes) && !add_slab(cache, bytes))
        return NULL;
    slab = cache->slabs;
    slab->used += bytes;
    region_take(&slab->region, slab->used);
    return slab->region.base + slab->used - bytes;
}

/* ---- finding and making ---- */

static const void *second_data(const struct packing *packing) {
    return packing->second ? packing->second->data : NULL;
}

static bool matches(const struct cache_entry *entry, const void *source, const struct packing *packing) {
    return entry->source == source && entry->second == second_data(packing) && entry->bytes == packing->bytes &&
           strcmp(entry->name, packing->name) == 0 &&
           memcmp(entry->numbers, packing->numbers, sizeof entry->numbers) == 0;
}

static const struct cache_entry *find(const struct weight_cache *cache, const void *source,
                                      const struct packing *packing) {
    for (const struct cache_entry *entry = cache->entries; entry; entry = entry->next)
        if (matches(entry, source, packing))
            return entry;
    return NULL;
}

/* From the file; NULL when it is not there, or not whole. */
static const void *take_stored(struct weight_cache *cache, struct cache_entry *entry, const struct tensor *source,
                               const struct packing *packing) {
    entry->keyed = cache->path && weight_keys_make(&cache->keys, source, packing, &entry->key);
    const struct weight_record *record =
        entry->keyed ? weight_file_find(cache->file, &entry->key, packing->bytes) : NULL;
    return record && weight_record_intact(record, cache->keys.threads) ? record->data : NULL;
}

static const void *make(struct weight_cache *cache, struct cache_entry *entry, const struct tensor *source,
                        const struct packing *packing) {
    void *packed = take_memory(cache, entry);
    if (!packed)
        return NULL;
    packing->pack(packed, source, packing->context);
    if (!packing->read_again)
        tensor_drop_pages(source);
    cache->unsaved += entry->keyed;
    return packed;
}

static const struct cache_entry *add(struct weight_cache *cache, const struct tensor *source,
                                     const struct packing *packing) {
    struct cache_entry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    *entry = (struct cache_entry){
        .source = source->data, .second = second_data(packing), .name = packing->name, .bytes = packing->bytes};
    memcpy(entry->numbers, packing->numbers, sizeof entry->numbers);
    entry->packed = take_stored(cache, entry, source, packing);
    if (!entry->packed)
        entry->packed = make(cache, entry, source, packing);
    if (!entry->packed) {
        free(entry);
        return NULL;
    }
    entry->mapped = source->mapped && !packing->read_again ? source->bytes : 0;
    entry->next = cache->entries;
    cache->entries = entry;
    cache->bytes += packing->bytes;
    cache->settled = false;
    return entry;
}

const void *weight_cache_get(struct weight_cache *cache, const struct tensor *source, const struct packing *packing) {
    pthread_mutex_lock(&cache->mutex);
    const struct cache_entry *entry = find(cache, source->data, packing);
    if (!entry)
        entry = add(cache, source, packing);
    pthread_mutex_unlock(&cache->mutex);
    return entry ? entry->packed : NULL;
}

void weight_cache_settle(struct weight_cache *cache) {
    pthread_mutex_lock(&cache->mutex);
    for (const struct cache_entry *entry = cache->entries; entry && !cache->settled; entry = entry->next)
        if (entry->mapped)
            tensor_drop_pages(&(struct tensor){.data = (void *)entry->source, .bytes = entry->mapped, .mapped = true});
    cache->settled = true;
    pthread_mutex_unlock(&cache->mutex);
}

void weight_cache_join(struct weight_cache *cache) {
    pthread_mutex_lock(&cache->mutex);
    for (struct slab *slab = cache->slabs; slab; slab = slab->next)
        region_join(&slab->region);
    pthread_mutex_unlock(&cache->mutex);
}

size_t weight_cache_bytes(struct weight_cache *cache) {
    pthread_mutex_lock(&cache->mutex);
    const size_t bytes = cache->bytes;
    pthread_mutex_unlock(&cache->mutex);
    return bytes;
}

/* ---- the file ---- */

status weight_cache_use_file(struct weight_cache *cache, const char *path, int threads, struct error *err) {
    status code = STATUS_OK;
    pthread_mutex_lock(&cache->mutex);
    if (!cache->path) {
        cache->path = strdup(path);
        cache->keys.threads = threads;
        code = cache->path ? weight_file_open(path, &cache->file, err) : fail_memory(err, "the name of a file");
    }
    pthread_mutex_unlock(&cache->mutex);
    return code;
}

static bool listed(const struct weight_record *records, size_t count, const struct weight_key *key) {
    for (size_t i = 0; i < count; i++)
        if (memcmp(&records[i].key, key, sizeof *key) == 0)
            return true;
    return false;
}

static size_t list_entries(const struct weight_cache *cache, struct weight_record *records) {
    size_t count = 0;
    for (const struct cache_entry *entry = cache->entries; entry; entry = entry->next)
        if (entry->keyed && !listed(records, count, &entry->key))
            records[count++] = (struct weight_record){
                entry->key, digest_make(entry->packed, entry->bytes, cache->keys.threads, NULL, NULL), entry->packed,
                entry->bytes, false};
    return count;
}

static size_t list_stored(const struct weight_cache *cache, struct weight_record *records, size_t count) {
    const struct weight_record *record;
    for (size_t i = 0; (record = weight_file_record(cache->file, i)) != NULL; i++)
        if (weight_keys_knows(&cache->keys, &record->key.source) && !listed(records, count, &record->key))
            records[count++] = *record;
    return count;
}

static status save(struct weight_cache *cache, struct error *err) {
    size_t capacity = 1;
    for (const struct cache_entry *entry = cache->entries; entry; entry = entry->next)
        capacity++;
    for (size_t i = 0; weight_file_record(cache->file, i); i++)
        capacity++;
    struct weight_record *records = calloc(capacity, sizeof *records);
    if (!records)
        return fail_memory(err, "the list of packed weights");
    const size_t count = list_stored(cache, records, list_entries(cache, records));
    const status code = weight_file_write(cache->path, records, count, err);
    if (code == STATUS_OK)
        cache->unsaved = 0;
    free(records);
    return code;
}

status weight_cache_save(struct weight_cache *cache, struct error *err) {
    pthread_mutex_lock(&cache->mutex);
    const status code = cache->path && cache->unsaved ? save(cache, err) : STATUS_OK;
    pthread_mutex_unlock(&cache->mutex);
    return code;
}
