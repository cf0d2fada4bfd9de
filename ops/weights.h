/* Packed constant weights: made once per model, shared by every plan, session and thread. */
#ifndef LIMNER_OPS_WEIGHTS_H
#define LIMNER_OPS_WEIGHTS_H

#include "onnx/tensor.h"

struct weight_cache;

struct weight_cache *weight_cache_create(void);
/* Frees every packed copy; NULL is allowed. No session may use them any more. */
void weight_cache_destroy(struct weight_cache *cache);

/* How one packing is told from another, and made. */
struct packing {
    const char *name;    /* of the packing function and its kernel; part of the key */
    int64_t numbers[12]; /* further parameters (groups, tile height, ...); part of the key */
    size_t bytes;        /* of the packed form */
    void (*pack)(void *destination, const struct tensor *source, const void *context); /* writes every byte */
    const void *context; /* handed to pack(); not part of the key */
    bool read_again;     /* the source is packed in another way as well: its pages are not let go yet */
};

/*
 * The packed form of a constant tensor: made on first request, found again afterwards (key: the tensor's data pointer,
 * name and numbers). 64-byte aligned, read-only, lives until the cache is destroyed. The source's mapped pages are let
 * go after packing. Thread-safe. NULL without memory.
 */
const void *weight_cache_get(struct weight_cache *cache, const struct tensor *source, const struct packing *packing);

/* Bytes held. */
size_t weight_cache_bytes(struct weight_cache *cache);

#endif
