#include "ops/weights/weight_keys.h"

#include <stdlib.h>
#include <string.h>

struct known_digest {
    struct known_digest *next;
    const void *data;
    size_t bytes;
    struct digest digest;
};

static void drop_part(const void *context, size_t first, size_t count) {
    tensor_drop_range(context, first, count);
}

/* NULL without memory. */
static const struct digest *digest_of(struct weight_keys *keys, const struct tensor *tensor) {
    for (const struct known_digest *known = keys->known; known; known = known->next)
        if (known->data == tensor->data && known->bytes == tensor->bytes)
            return &known->digest;
    struct known_digest *known = malloc(sizeof *known);
    if (!known)
        return NULL;
    const struct digest digest = digest_make(tensor->data, tensor->bytes, keys->threads, drop_part, tensor);
    *known = (struct known_digest){keys->known, tensor->data, tensor->bytes, digest};
    keys->known = known;
    return &known->digest;
}

/* A digest of the bytes alone does not tell shapes or types apart. */
struct identity {
    struct digest digest;
    int64_t dtype, rank, dims[MAX_RANK];
};

static bool identify(struct weight_keys *keys, const struct tensor *tensor, struct identity *identity) {
    const struct digest *digest = digest_of(keys, tensor);
    if (!digest)
        return false;
    *identity = (struct identity){.digest = *digest, .dtype = tensor->dtype, .rank = tensor->shape.rank};
    memcpy(identity->dims, tensor->shape.dims, sizeof(int64_t) * (size_t)tensor->shape.rank);
    return true;
}

bool weight_keys_make(struct weight_keys *keys, const struct tensor *source, const struct packing *packing,
                      struct weight_key *key) {
    struct {
        struct identity source, second;
        struct digest name;
        int64_t numbers[12];
        uint64_t bytes;
    } all;
    memset(&all, 0, sizeof all);
    if (!identify(keys, source, &all.source) || (packing->second && !identify(keys, packing->second, &all.second)))
        return false;
    all.name = digest_make(packing->name, strlen(packing->name), 1, NULL, NULL);
    memcpy(all.numbers, packing->numbers, sizeof all.numbers);
    all.bytes = packing->bytes;
    *key = (struct weight_key){all.source.digest, digest_make(&all, sizeof all, 1, NULL, NULL)};
    return true;
}

bool weight_keys_knows(const struct weight_keys *keys, const struct digest *digest) {
    for (const struct known_digest *known = keys->known; known; known = known->next)
        if (digest_equal(&known->digest, digest))
            return true;
    return false;
}

void weight_keys_close(struct weight_keys *keys) {
    for (struct known_digest *known = keys->known, *next; known; known = next) {
        next = known->next;
        free(known);
    }
    keys->known = NULL;
}
