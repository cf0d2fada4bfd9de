/* Storages: the bytes behind tensors, named by a pickle and found outside of it. */
#ifndef LIMNER_TOOLS_CHECKPOINT_STORAGES_H
#define LIMNER_TOOLS_CHECKPOINT_STORAGES_H

#include "base/names.h"
#include "tools/checkpoint/pickle_machine.h"

struct tensor_storage {
    const char *key;
    size_t bytes;
    size_t size;         /* of an element, as it was named first */
    const uint8_t *data; /* NULL: not found yet */
};

struct storages {
    struct tensor_storage *items;
    size_t count, capacity, limit;
    struct names keys; /* -> index */
    /* Finds the bytes of a new storage at once; NULL: that comes later. */
    status (*find)(void *context, struct tensor_storage *storage, struct error *err);
    void *context;
    bool views; /* persistent ids have a sixth part, a view of another storage */
};

/* The value for a persistent id, or NULL after a failure. */
struct pickle_value *storages_load(struct pickle *pickle, const struct pickle_value *id);
void storages_close(struct storages *storages);

#endif
