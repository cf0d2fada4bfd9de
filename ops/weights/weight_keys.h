/* What decides over a packed form, as a key that means the same in every process. */
#ifndef LIMNER_OPS_WEIGHTS_WEIGHT_KEYS_H
#define LIMNER_OPS_WEIGHTS_WEIGHT_KEYS_H

#include "base/tensor.h"
#include "ops/weights/weight_file.h"

/*
 * How one packing is told from another, and made. Everything that decides over the packed bytes must be part of the
 * key, as a value that means the same in every process: never a pointer.
 */
struct packing {
    const char *name;            /* of the packing function and its kernel; part of the key */
    int64_t numbers[12];         /* further parameters (groups, tile height, ...); part of the key */
    const struct tensor *second; /* another constant that is read (a scale), or NULL; part of the key */
    size_t bytes;                /* of the packed form */
    void (*pack)(void *destination, const struct tensor *source, const void *context); /* writes every byte */
    const void *context; /* handed to pack(); not part of the key */
    bool read_again;     /* the source is packed in another way as well: its pages are not let go yet */
};

struct known_digest; /* a constant's digest, made once */

/* Starts as {NULL, threads}; reading the weights takes so many threads. */
struct weight_keys {
    struct known_digest *known;
    int threads;
};

/* False without memory. The constants' mapped pages are let go as they are read. */
bool weight_keys_make(struct weight_keys *keys, const struct tensor *source, const struct packing *packing,
                      struct weight_key *key);
/* Whether a constant with that digest was part of a key. */
bool weight_keys_knows(const struct weight_keys *keys, const struct digest *digest);
void weight_keys_close(struct weight_keys *keys);

/* A large source is packed in parts of about so many bytes; the mapped pages of each are let go when it is done. */
#define PACKING_PART_BYTES ((size_t)8 << 20)

#endif
