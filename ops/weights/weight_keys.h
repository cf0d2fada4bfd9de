/* What decides over a packed form, as a key that means the same in every process. */
#ifndef LIMNER_OPS_WEIGHTS_WEIGHT_KEYS_H
#define LIMNER_OPS_WEIGHTS_WEIGHT_KEYS_H

#include "ops/weights/weight_cache.h"
#include "ops/weights/weight_file.h"

struct known; /* a constant's digest, made once */

/* Starts as {NULL, threads}; reading the weights takes so many threads. */
struct weight_keys {
    struct known *known;
    int threads;
};

/* False without memory. The constants' mapped pages are let go as they are read. */
bool weight_keys_make(struct weight_keys *keys, const struct tensor *source, const struct packing *packing,
                      struct weight_key *key);
/* Whether a constant with that digest was part of a key. */
bool weight_keys_knows(const struct weight_keys *keys, const struct digest *digest);
void weight_keys_close(struct weight_keys *keys);

#endif
